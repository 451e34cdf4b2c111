// Started on every page.
