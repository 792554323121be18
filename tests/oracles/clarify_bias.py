"""AWS's open implementation of Clarify's bias metrics. In: a table and what to measure. Out: every metric."""

from __future__ import annotations

import json
import sys

import pandas as pd
from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

question = json.load(sys.stdin)
answer = []
for case in question:
    frame = pd.DataFrame(case["data"])
    # It does not know the text columns of pandas 3.
    for name in frame.columns:
        if isinstance(frame[name].iloc[0], str):
            frame[name] = frame[name].astype("category")
    result = {}
    for stage, guess in ((StageType.PRE_TRAINING, None), (StageType.POST_TRAINING, "predicted")):
        group = frame[case["group"]] if case["group"] is not None else None
        data = frame if group is None else frame.drop(columns=case["group"])
        result[stage.value] = bias_report(
            data if stage is StageType.POST_TRAINING else data.drop(columns="predicted"),
            FacetColumn(case["facet"], case["facet_values"]),
            LabelColumn("label", frame["label"], case["label_values"]),
            stage,
            LabelColumn(guess, frame[guess], case["label_values"]) if guess else None,
            group_variable=group,
        )
    answer.append(result)
print(json.dumps(answer))
