"""Train the model and print what came out: `python -m churn [--rows N] [--seed N]`."""

import argparse
import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

log = logging.getLogger("churn")


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Make a table of customers whose churn depends on tenure, price and support calls."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "tenure": random.integers(1, 72, rows),
            "price": random.normal(60, 20, rows).round(2),
            "calls": random.poisson(1.5, rows),
        }
    )
    risk = 0.03 * table["price"] + 0.6 * table["calls"] - 0.05 * table["tenure"] - 1.0
    table["churned"] = random.random(rows) < 1 / (1 + np.exp(-risk))
    return table


def train(table: pd.DataFrame, seed: int) -> dict[str, float | str]:
    """Fit and score the model; the digest names the fitted coefficients to the bit."""
    features, target = table.drop(columns="churned"), table["churned"]
    parts = train_test_split(features, target, test_size=0.25, random_state=seed, stratify=target)
    x_train, x_test, y_train, y_test = parts
    model = make_pipeline(StandardScaler(), LogisticRegression(random_state=seed))
    model.fit(x_train, y_train)
    score = float(roc_auc_score(y_test, model.predict_proba(x_test)[:, 1]))
    coefficients = model[-1].coef_.astype("float64").tobytes()
    return {"auc": round(score, 6), "model_sha256": hashlib.sha256(coefficients).hexdigest()}


def main() -> None:
    """Read the options, train, and print one JSON line."""
    parser = argparse.ArgumentParser(prog="churn")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    log.info("training on %d customers with seed %d", options.rows, options.seed)
    result = {"rows": options.rows, "seed": options.seed}
    result |= train(customers(options.rows, options.seed), options.seed)
    line = json.dumps(result, sort_keys=True)
    if options.output:
        options.output.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
