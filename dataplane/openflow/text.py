"""How records print, and their JSON form: the same as Ryu's, so that scripts and their stored JSON keep working."""

from __future__ import annotations

import builtins
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

Coder = Callable[[Any], Any]


def argument_of(name: str) -> str:
    """The constructor's argument for an attribute, by Ryu's rule: a name Python uses gets an underscore behind it."""
    return f"{name}_" if hasattr(builtins, name) else name


def parser_module_of(cls: type) -> Any:
    """The module with all classes of the version that `cls` is of: `ofproto_v1_3_parser` for those of package `v1_3`.

    None for a class of no version.
    """
    for base in cls.__mro__:
        package = base.__module__.rpartition(".")[0]
        path, _, version = package.rpartition(".")
        module = sys.modules.get(f"{path}.ofproto_{version}_parser")
        if module is not None:
            return module
    return None


def _encode_ascii(value: Any) -> Any:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


# how the text attributes of a record go to JSON and back; all other bytes travel as base64
_ENCODERS: dict[str, Coder] = {"ascii": _encode_ascii, "utf-8": lambda value: value.decode("utf-8", "replace")}
_DECODERS: dict[str, Coder] = {"ascii": lambda value: value, "utf-8": lambda value: value.encode("utf-8")}


def encode_value(value: Any, encode_string: Callable[[bytes], bytes]) -> Any:
    """A value as JSON takes it."""
    if isinstance(value, str):
        value = value.encode("utf-8")
    if isinstance(value, bytes | bytearray | memoryview):
        return encode_string(bytes(value)).decode("ascii")
    if isinstance(value, list):
        return [encode_value(item, encode_string) for item in value]
    if isinstance(value, dict):
        return {str(key): encode_value(item, encode_string) for key, item in value.items()}
    return value.to_jsondict() if hasattr(value, "to_jsondict") else value


class StringifyMixin:
    """Printing and JSON, by the class's own list of attributes.

    `_attributes` are the names shown; `_texts` maps those that are text to `ascii` or `utf-8`; `_arguments` maps
    attributes to constructor arguments where the names differ (`type` is built with `type_`). The class of a nested
    JSON object is the one that the version's parser module has under that name.
    """

    __slots__ = ()
    _attributes: ClassVar[tuple[str, ...]] = ()
    _texts: ClassVar[dict[str, str]] = {}
    _arguments: ClassVar[dict[str, str]] = {}

    def stringify_attrs(self) -> Iterator[tuple[str, Any]]:
        """Names and values to show; to be overridden."""
        for name in self._attributes:
            yield name, getattr(self, name, None)

    def __str__(self) -> str:
        shown = ",".join(f"{name}={value!r}" for name, value in self.stringify_attrs())
        return f"{self.__class__.__name__}({shown})"

    def __repr__(self) -> str:
        return str(self)

    def to_jsondict(self, encode_string: Callable[[bytes], bytes] = b64encode) -> dict[str, Any]:
        """`{"ClassName": {attribute: value}}`, fit for json.dumps."""
        body = {}
        for name, value in self.stringify_attrs():
            coder = _ENCODERS.get(self._texts.get(name, "")) if value is not None else None
            body[name] = coder(value) if coder else encode_value(value, encode_string)
        return {self.__class__.__name__: body}

    @classmethod
    def cls_from_jsondict_key(cls, key: str) -> Any:
        """The class that a JSON object of this name is of; KeyError if there is none."""
        found = cls._class_named(key)
        if found is None:
            raise KeyError(key)
        return found

    @classmethod
    def _class_named(cls, key: str) -> Any:
        found = getattr(parser_module_of(cls), key, None)
        return found if isinstance(found, type) and issubclass(found, StringifyMixin) else None

    @classmethod
    def obj_from_jsondict(cls, jsondict: dict[str, Any], **additional_args: Any) -> Any:
        """The object that `{"ClassName": {...}}` describes."""
        ((key, body),) = jsondict.items()
        return cls.cls_from_jsondict_key(key).from_jsondict(body, **additional_args)

    @classmethod
    def from_jsondict(cls, dict_: dict[str, Any], decode_string: Coder = b64decode, **additional_args: Any) -> Self:
        """An instance from the inner object of `to_jsondict`; the extra arguments go to the constructor."""
        arguments = {}
        for name, value in dict_.items():
            coder = _DECODERS.get(cls._texts.get(name, "")) if value is not None else None
            decoded = coder(value) if coder else cls._decode(value, decode_string)
            arguments[cls._arguments.get(name) or argument_of(name)] = decoded
        return cls(**{**arguments, **additional_args})

    @classmethod
    def _decode(cls, value: Any, decode_string: Coder) -> Any:
        if isinstance(value, str):
            return decode_string(value)
        if isinstance(value, list):
            return [cls._decode(item, decode_string) for item in value]
        if cls._is_object(value):
            return cls.obj_from_jsondict(value)
        if isinstance(value, dict) and all(cls._is_object(item) for item in value.values()):
            return {int(key): cls.obj_from_jsondict(item) for key, item in value.items()}  # 1.0's ports
        return value

    @classmethod
    def _is_object(cls, value: Any) -> bool:
        return isinstance(value, dict) and len(value) == 1 and cls._class_named(next(iter(value))) is not None
