"""Lane `rigid`: the same EM in closed form, for objects that neither turn nor bend."""
