"""What runs in the browser: which tool is on, what a pointer reads, how a file is saved."""

ACTIVATE = """
const chosen = cb_obj.active
for (let i = 0; i < tools.length; i++) { for (const tool of tools[i]) { tool.active = i == chosen } }
"""

PLACE = """
const w = where, n = w.count
const u = Math.min(Math.max((special_vars.x - w.left) / w.dx, 0), n - 1.001)
const v = Math.min(Math.max((special_vars.y - w.bottom) / w.dy, 0), n - 1.001)
const j = Math.floor(u), i = Math.floor(v), a = u - j, b = v - i
const at = (z) => (1-b) * ((1-a) * z[i*n+j] + a * z[i*n+j+1]) + b * ((1-a) * z[(i+1)*n+j] + a * z[(i+1)*n+j+1])
const lon = at(w.lon), lat = at(w.lat)
return `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`
"""

VALUE = """
const about = holder.tags[0], {image, x, y, dw, dh} = holder.data
const [rows, columns] = image[0].shape
const j = Math.floor((special_vars.x - x[0]) / dw[0] * columns), i = Math.floor((special_vars.y - y[0]) / dh[0] * rows)
const here = image[0][i * columns + j]
if (here == null || Number.isNaN(here)) { return "no value; a click says why" }
const known = about.classes[String(here)]
return known != null ? known : `${Number(here.toPrecision(4))} ${about.units}`
"""

SAVE = """
const {name, kind, body} = cb_obj.data
if (name.length == 0) { return }
const bytes = Uint8Array.from(atob(body[0]), (c) => c.charCodeAt(0))
const link = document.createElement("a")
link.href = URL.createObjectURL(new Blob([bytes], {type: kind[0]}))
link.download = name[0]
link.click()
setTimeout(() => URL.revokeObjectURL(link.href), 1000)
"""
