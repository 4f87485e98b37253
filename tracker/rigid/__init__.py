"""Lane `rigid`: EM in closed form, for objects that neither turn nor bend."""
