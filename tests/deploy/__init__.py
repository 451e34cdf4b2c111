"""The files of a deployment: linted, consistent with the product, and run as far as they can be."""
