"""The simulated world: a CRM, an ERP, a bad network between them, and the production engine in the middle.

One seed decides everything that happens. Nothing here is imported by the product.
"""
