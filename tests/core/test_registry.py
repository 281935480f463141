"""The one mechanism of registries: names, clashes, built-ins, packages that are well and broken."""

import sys
import textwrap
from dataclasses import dataclass

import pytest

from xgamma.core.records import FunctionRecord, Record
from xgamma.core.registry import Registry
from xgamma.errors import XGammaError, XGammaWarning

GROUP = "xgamma.test_colours"


def light(ds, obs=None, *, gain: float = 1.0):
    return ds


def dark(ds, obs=None, **anything):
    return ds


def colours(package=""):
    return Registry("colour", FunctionRecord, GROUP, package=package)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with entry points on the path, as pip would leave it."""

    def install(name, code, **entries):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(textwrap.dedent(code))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "\n".join(f"{key} = {name}:{value}" for key, value in entries.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return install


CODE = """
    from xgamma.core.records import FunctionRecord

    def paint(ds, obs=None, *, coats=1):
        return ds

    record = FunctionRecord("{name}", "Paint it.", paint)
"""


def test_summaries_name_what_packages_bring_too(install):
    install("pkg", CODE.format(name="one"), one="record")
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light))
    assert registry.summaries() == {"light": "Light.", "one": "Paint it."}


def test_a_record_is_found_by_name_and_others_are_refused():
    registry = colours()
    record = registry.register(FunctionRecord("light", "Light.", light))
    assert registry.find("light") is record
    assert registry.records() == {"light": record}
    with pytest.raises(
        XGammaError, match="The colour 'lihgt' is not recognised: choose from light"
    ):
        registry.find("lihgt")
    with pytest.raises(XGammaError, match=r"colour \['light'\] is not recognised: give its name"):
        registry.find(["light"])
    with pytest.raises(XGammaError, match="is not a colour: register a FunctionRecord"):
        registry.register(light)


def test_a_name_of_many_is_refused_with_the_nearest():
    registry = Registry("colour", Record, GROUP)
    for i in range(20):
        registry.register(Record(f"shade-{i}", "A shade."))
    with pytest.raises(XGammaError, match="'shad-7' is not recognised: did you mean 'shade-7'"):
        registry.find("shad-7")


def test_a_name_belongs_to_one_function_and_a_function_defined_again_replaces_itself():
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light))
    with pytest.raises(XGammaError, match=r"'light' of .*dark has the same name as that of .*"):
        registry.register(FunctionRecord("light", "Dark.", dark))
    assert registry.find("light").function is light
    again = FunctionRecord("light", "Lighter.", light)
    assert registry.register(again) is again
    assert registry.find("light") is again


@pytest.mark.parametrize("name", ["", "a b", "-a", "9", 3, None, "a/b"])
def test_names_that_no_one_could_write_are_refused(name):
    with pytest.raises(XGammaError, match="is not valid: use letters"):
        Record(name, "Something.")


def test_a_record_says_what_it_does_and_takes_a_run():
    with pytest.raises(XGammaError, match="must be a one-line description"):
        Record("a", "")
    with pytest.raises(XGammaError, match="must be callable"):
        FunctionRecord("a", "A.", 3)
    with pytest.raises(XGammaError, match="must accept a dataset and an observation"):
        FunctionRecord("a", "A.", lambda ds: ds)


def test_options_come_from_the_signature():
    record = FunctionRecord("light", "Light.", light)
    assert {n: p.default for n, p in record.options.items()} == {"gain": 1.0}
    record.require_options(["gain"])
    with pytest.raises(XGammaError, match="'light' has no option 'gian': choose from gain"):
        record.require_options(["gain", "gian"])
    FunctionRecord("dark", "Dark.", dark).require_options(["whatever"])
    with pytest.raises(XGammaError, match="'none' has no option 'x': it takes none"):
        FunctionRecord("none", "None.", lambda ds, obs: ds).require_options(["x"])


def test_records_of_a_package_are_found_without_a_list(tmp_path, monkeypatch):
    inside = tmp_path / "paintbox"
    inside.mkdir()
    (inside / "__init__.py").write_text("")
    (inside / "one.py").write_text(textwrap.dedent(CODE.format(name="one")))
    monkeypatch.syspath_prepend(tmp_path)
    registry = colours("paintbox")
    assert "paintbox.one" not in sys.modules
    assert registry.find("one").summary == "Paint it."
    # A new one is one file.
    (inside / "two.py").write_text(textwrap.dedent(CODE.format(name="two")))
    assert list(colours("paintbox").records()) == ["one", "two"]
    # Names of the package are taken, though nothing has been looked up.
    with pytest.raises(XGammaError, match=r"has the same name as that of paintbox\.one"):
        colours("paintbox").register(FunctionRecord("one", "Light.", light))


def test_a_package_is_found_by_entry_point_and_loaded_when_it_is_asked_for(install):
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light))
    install("plug_a", CODE.format(name="theirs"), theirs="record")
    install("plug_b", CODE.format(name="other"), any_name="record")
    registry.find("light")
    assert "plug_a" not in sys.modules
    assert registry.find("theirs").function.__module__ == "plug_a"
    assert "plug_b" not in sys.modules
    # An entry point of another name is tried too.
    assert registry.find("other").function.__module__ == "plug_b"
    assert list(registry.records()) == ["light", "other", "theirs"]


@pytest.mark.parametrize(
    ("code", "target", "words"),
    [
        (
            "raise RuntimeError('two\\nlines')",
            "record",
            "cannot be loaded .RuntimeError: two lines",
        ),
        (
            "import no_such_thing",
            "record",
            "cannot be loaded .ModuleNotFoundError: No module named",
        ),
        ("", "record", "cannot be loaded .AttributeError"),
        ("record = 3", "record", "refers to 3: it must refer to a FunctionRecord"),
    ],
)
def test_a_broken_package_is_named_and_stops_nobody_else(install, code, target, words):
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light))
    install("plug_bad", code, theirs=target)
    with pytest.raises(XGammaError, match=f"'theirs' of the package 'plug_bad' {words}"):
        registry.find("theirs")
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light))
    with pytest.warns(XGammaWarning, match=f"'theirs' of the package 'plug_bad' {words}") as caught:
        assert list(registry.records()) == ["light"]
    assert len(caught) == 1
    # Once is enough, for as long as nobody asks for it.
    assert list(registry.records()) == ["light"]
    with pytest.raises(XGammaError, match=words):
        registry.find("theirs")


def test_a_package_cannot_take_a_name_of_xgamma(install):
    registry = colours()
    registry.register(FunctionRecord("light", "Light.", light), "xgamma.somewhere")
    install("plug_c", CODE.format(name="light"), light="record")
    words = "'light' of the package 'plug_c' has the same name as that of xgamma: choose another"
    with pytest.warns(XGammaWarning, match=words):
        registry.records()
    assert registry.find("light").function is light


@pytest.mark.parametrize("listed", [False, True])
def test_two_packages_cannot_take_one_name(install, listed):
    registry = colours()
    install("plug_d", CODE.format(name="twice"), twice="record")
    install("plug_e", CODE.format(name="twice"), twice="record")
    words = "'twice' of the package 'plug_.' has the same name as that of the package 'plug_.'"
    if listed:
        with pytest.warns(XGammaWarning, match=words):
            assert registry.records() == {}
    for _ in range(2):
        with pytest.raises(XGammaError, match=words):
            registry.find("twice")


def test_a_record_of_another_kind_is_refused(install):
    @dataclass(frozen=True)
    class Other(Record):
        pass

    with pytest.raises(XGammaError, match="is not a colour"):
        colours().register(Other("light", "Light."))
