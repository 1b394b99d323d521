import pytest

from aeolian.engine.specs.globs import compile_glob, expand
from aeolian.errors import UsageError


@pytest.mark.parametrize(
    ("glob", "path", "captures"),
    [
        ("/", "/", ()),
        ("/*", "/a.mp3", ()),
        ("*", "/a.mp3", ()),
        ("/*", "/a/b", None),
        ("/*/*", "/a/b", ()),
        ("/**", "/a/b/c", ()),
        ("/**.mp3", "/a/b.mp3", ()),
        ("/?.txt", "/a.txt", ()),
        ("/?.txt", "/ab.txt", None),
        ("/[a-c]x", "/bx", ()),
        ("/[!a-c]x", "/bx", None),
        ("/[!a]x", "//x", None),
        ("/{a,b}.txt", "/b.txt", ()),
        ("/{a,b}.txt", "/c.txt", None),
        ("/@(a|b).txt", "/a.txt", ("a",)),
        ("/+(ab)", "/abab", ("abab",)),
        ("/*(ab)c", "/c", ("",)),
        ("/?(a)b", "/b", ("",)),
        ("/!(a).mp3", "/a.mp3", None),
        ("/!(a).mp3", "/ab.mp3", ("ab",)),
        ("/!(a)/x", "/b/x", ("b",)),
        ("/(*)-(*).csv", "/left-right.csv", ("left", "right")),
        ("/(a(b))c", "/abc", ("ab", "b")),
        (r"/\*", "/*", ()),
        (r"/\*", "/a", None),
        ("/a.b", "/axb", None),
    ],
)
def test_what_matches(glob, path, captures):
    assert compile_glob(glob).match(path) == captures


@pytest.mark.parametrize("glob", ["", "/[a", "/{a", "/(a", "/a)", "/a}", "/a\\", "/!(a", "/[z-a]"])
def test_malformed(glob):
    with pytest.raises(UsageError):
        compile_glob(glob)


def test_templates():
    assert expand("$1-${2}x$9", ("a", "b")) == "a-bx"
