"""Gap fill and daily mean on plain arrays: waves of the year, their normal equations, robust fits."""
