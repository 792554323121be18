"""Trino's functions in DuckDB: the same ones, renamed ones, and ones that a macro defines.

Whatever is in none of these tables is refused by name: a function that only DuckDB knows would fail on Athena, and one
that means something else there would give wrong results.
"""

from __future__ import annotations

SAME = frozenset(
    """abs acos asin atan atan2 cbrt ceil ceiling cos cosh degrees exp floor ln log10 log2 mod pi power pow radians
    round sign sin sinh sqrt tan tanh truncate
    avg bool_and bool_or corr count count_if covar_pop covar_samp max max_by min min_by regr_intercept regr_slope
    kurtosis skewness stddev stddev_pop stddev_samp sum var_pop var_samp variance array_agg histogram geometric_mean
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    chr length lower lpad ltrim replace reverse rpad rtrim starts_with strpos substr substring translate trim upper
    position split_part levenshtein_distance
    cast try_cast coalesce nullif if try extract
    date_trunc year month day hour minute second quarter day_of_week week last_day_of_month
    date unnest grouping
    array_distinct array_position contains flatten repeat sequence
    to_base64 from_base64 md5 sha256 row map""".split()  # noqa: SIM905
)
"""Functions that mean the same in both."""

RENAMED = {
    "approx_distinct": "approx_count_distinct",
    "approx_percentile": "approx_quantile",
    "arbitrary": "any_value",
    "cardinality": "len",
    "concat": "athena_concat",
    "date_add": "athena_date_add",
    "date_diff": "athena_date_diff",
    "date_format": "strftime",
    "date_parse": "strptime",
    "day_of_month": "day",
    "day_of_year": "dayofyear",
    "dow": "athena_day_of_week",
    "day_of_week": "athena_day_of_week",
    "element_at": "athena_element_at",
    "every": "bool_and",
    "from_iso8601_date": "athena_iso_date",
    "from_iso8601_timestamp": "athena_iso_timestamp",
    "from_iso8601_timestamp_nanos": "athena_iso_timestamp_nanos",
    "from_unixtime": "athena_from_unixtime",
    "greatest": "athena_greatest",
    "is_nan": "isnan",
    "is_finite": "isfinite",
    "is_infinite": "isinf",
    "json_extract_scalar": "json_extract_string",
    "least": "athena_least",
    "array_join": "array_to_string",
    "array_sort": "list_sort",
    "listagg": "string_agg",
    "millisecond": "athena_millisecond",
    "now": "athena_now",
    "rand": "random",
    "regexp_like": "regexp_matches",
    "split": "string_split",
    "to_iso8601": "athena_to_iso8601",
    "to_unixtime": "athena_to_unixtime",
    "week_of_year": "week",
    "with_timezone": "athena_with_timezone",
}
"""Functions with another name in DuckDB, or with a macro of ours that has Trino's meaning."""

_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
_LETTERS = "abcdefgh"


def _overloads(name: str, expression: str, nulls: bool) -> str:
    """Return a macro for two to eight arguments; `expression` has the arguments, comma-separated, as {}."""
    forms = []
    for count in range(2, len(_LETTERS) + 1):
        letters = list(_LETTERS[:count])
        body = expression.format(", ".join(letters))
        missing = " OR ".join(f"{letter} IS NULL" for letter in letters)
        forms.append(
            f"({', '.join(letters)}) AS " + (f"CASE WHEN {missing} THEN NULL ELSE {body} END" if nulls else body)
        )
    return f"CREATE TEMP MACRO {name}{', '.join(forms)}"


def macros(now: str) -> list[str]:
    """Return the statements that define the macros.

    Args:
        now: the virtual time as a literal of type TIMESTAMPTZ.
    """
    added = " ".join(
        f"WHEN '{unit}' THEN moment + amount * INTERVAL '1 {unit}'" for unit in _UNITS if unit != "quarter"
    )
    added += " WHEN 'quarter' THEN moment + amount * INTERVAL '3 month'"
    return [
        f"CREATE TEMP MACRO athena_now() AS {now}",
        _overloads("athena_concat", "concat({})", nulls=True),
        _overloads("athena_greatest", "greatest({})", nulls=True),
        _overloads("athena_least", "least({})", nulls=True),
        f"CREATE TEMP MACRO athena_date_add(unit, amount, moment) AS CASE lower(unit) {added} END",
        # Trino counts whole units that have passed, as DuckDB's date_sub does.
        "CREATE TEMP MACRO athena_date_diff(unit, a, b) AS date_sub(lower(unit), a, b)",
        "CREATE TEMP MACRO athena_day_of_week(moment) AS isodow(moment)",
        # The list's end counts as absent, as does a missing key of a map.
        "CREATE TEMP MACRO athena_element_at(container, key) AS container[key]",
        "CREATE TEMP MACRO athena_iso_date(value) AS CAST(value AS DATE)",
        "CREATE TEMP MACRO athena_iso_timestamp(value) AS date_trunc('milliseconds', CAST(value AS TIMESTAMPTZ))",
        # DuckDB can do little with its zoned type of this precision; the session is in UTC, so its other one will do.
        "CREATE TEMP MACRO athena_iso_timestamp_nanos(value) AS CAST(CAST(value AS TIMESTAMPTZ_NS) AS TIMESTAMP_NS)",
        "CREATE TEMP MACRO athena_from_unixtime(seconds) AS date_trunc('milliseconds', to_timestamp(seconds))",
        "CREATE TEMP MACRO athena_millisecond(moment) AS extract(millisecond FROM moment) % 1000",
        "CREATE TEMP MACRO athena_to_iso8601(moment) AS strftime(CAST(moment AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ')",
        "CREATE TEMP MACRO athena_to_unixtime(moment) AS epoch(CAST(moment AS TIMESTAMPTZ))",
        "CREATE TEMP MACRO athena_with_timezone(moment, zone) AS timezone(zone, CAST(moment AS TIMESTAMP))",
    ]
