"""What the Dagster UI says of run config that names a place: the variable to set instead.

Dagster says only that there is no such entry.
"""

from collections.abc import Sequence
from typing import Any

from graphene import Schema
from graphql import GraphQLObjectType, GraphQLResolveInfo

from pipelines.places import describe_place

_ERRORS = ("FieldNotDefinedConfigError", "FieldsNotDefinedConfigError")


def name_variables(schema: Schema) -> Schema:
    """Add the variables to the messages of two kinds of errors; return the same schema."""
    for name in _ERRORS:
        error = schema.graphql_schema.type_map[name]
        if isinstance(error, GraphQLObjectType):
            error.fields["message"].resolve = _resolve_message
    return schema


def _resolve_message(error: Any, _info: GraphQLResolveInfo) -> str:
    fields = getattr(error, "field_names", None) or [error.field_name]
    path = _list_names(error.stack.resolve_entries(None))
    found = dict.fromkeys(describe_place(path, field) for field in fields)
    return " ".join([error.message, *filter(None, found)])


def _list_names(entries: Any) -> Sequence[str]:
    return [entry.resolve_field_name(None) for entry in entries if hasattr(entry, "_field_name")]
