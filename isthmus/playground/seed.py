"""Invented, repeatable data: a small company's accounts, products, quotes and orders over the last year."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from isthmus.playground.seed_dirt import plant_dirt
from isthmus.playground.seed_organization import plant_organization
from isthmus.playground.seed_parties import plant_accounts
from isthmus.playground.seed_products import plant_products
from isthmus.playground.seed_sales import plant_orders, plant_quotes
from isthmus.playground.sowing import Sowing
from isthmus.playground.store import Store


@dataclass(frozen=True, slots=True)
class SeedSizes:
    """How much to plant. The same sizes, seed number and clock give the same data, ids included."""

    accounts: int = 300
    products: int = 60
    quotes: int = 200
    orders: int = 500
    lines: int = 3  # per document, on average
    seed: int = 1
    dirty: bool = True  # about 2 % of the records have a defect, listed in the manifest
    multi_currency: bool = True


def ensure_seeded(store: Store, sizes: SeedSizes | None) -> dict[str, Any]:
    """Plants a new organisation unless the folder holds one; answers the manifest of defects."""
    manifest: dict[str, Any] | None = store.setting("manifest")
    if manifest is None:
        manifest = plant(store, sizes or SeedSizes())
    store.index()
    return manifest


def replant(store: Store, sizes: SeedSizes) -> dict[str, Any]:
    """Empties the store and plants it anew; every session ends. Answers the manifest."""
    store.empty()
    return plant(store, sizes)


def plant(store: Store, sizes: SeedSizes) -> dict[str, Any]:
    """Fills an empty store; answers the manifest."""
    gc.disable()  # half a million dicts that all stay: looking for garbage among them takes longer than planting
    try:
        return _plant(store, sizes)
    finally:
        gc.enable()


def _plant(store: Store, sizes: SeedSizes) -> dict[str, Any]:
    sowing = Sowing(store.schema, sizes.seed, store.now() - timedelta(days=1))
    sowing.multi_currency = sizes.multi_currency
    plant_organization(sowing)
    plant_products(sowing, sizes.products)
    plant_accounts(sowing, sizes.accounts)
    plant_quotes(sowing, sizes.quotes, sizes.lines)
    plant_orders(sowing, sizes.orders, sizes.lines)
    if sizes.dirty:
        plant_dirt(sowing)
    manifest: dict[str, Any] = {"seed": sizes.seed, "defects": sowing.defects}
    with store.writing(sowing.integration_user) as tx:
        sowing.write(tx)
    store.change_setting("org_id", sowing.org_id)
    store.change_setting("integration_user", sowing.integration_user)
    store.change_setting("multi_currency", sizes.multi_currency)
    store.change_setting("manifest", manifest)
    return manifest
