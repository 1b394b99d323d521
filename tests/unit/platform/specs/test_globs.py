import pytest

from aeolian.errors import UsageError
from aeolian.platform.specs.globs import compile_glob, expand


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
        ("/*[!a]x", "/b/x", ()),
        ("./*", "/a.mp3", ()),
        ("/a/../b.txt", "/b.txt", ()),
        ("[[:digit:]]*", "/1x", ()),
        ("/(!(a)).txt", "/b.txt", ("b", "b")),
        ("/*(*.csv|!(*.txt))", "/1x", ("1x", "")),
        ("/*(*.csv|!(*.txt))", "/b.txt", None),
        ("/(a", "/a", ("a",)),
        ("/{a", "/a", ()),
        ("/a\\", "/a", None),
        ("/{a,b}.txt", "/b.txt", ()),
        ("/{a,b}.txt", "/c.txt", None),
        ("/@(a|b).txt", "/a.txt", ("a",)),
        ("/+(ab)", "/abab", ("abab",)),
        ("/*(ab)c", "/c", ("",)),
        ("/?(a)b", "/b", ("",)),
        ("/!(a).mp3", "/a.mp3", None),
        ("/!(a).mp3", "/ab.mp3", None),
        ("/!(a).mp3", "/b.mp3", ("b",)),
        ("/!(a)", "/ab", ("ab",)),
        ("/!(a)/x", "/b/x", ("b",)),
        ("/(*)-(*).csv", "/left-right.csv", ("left", "right")),
        ("/(a(b))c", "/abc", ("ab", "b")),
        (r"/\*", "/*", None),
        (r"/\*", "/a", None),
        ("/a.b", "/axb", None),
    ],
)
def test_what_matches(glob, path, captures):
    assert compile_glob(glob).match(path) == captures


@pytest.mark.parametrize("glob", ["", "/[a", "/[]", "/[!]", "/[z-a]", "/^(a)"])
def test_malformed(glob):
    with pytest.raises(UsageError):
        compile_glob(glob)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$0", "/a-b"),
        ("${0}", "/a-b"),
        ("$1-${2}x$9", "a-bx"),
        ("$$", "$"),
        ("a$$b", "a$b"),
        ("$$1", "$1"),
        ("$1$", "a$"),
        ("$10", ""),
        ("$1b", "ab"),
        ("${1", "${1"),
        ("$a", "$a"),
    ],
)
def test_templates(template, text):
    assert expand(template, ("/a-b", "a", "b")) == text


def test_the_root_captures_nothing():
    assert expand("$0", ()) == ""
