#!/usr/bin/env python3
"""That page.py sees what it is there to see: errors, requests, pixels, the mouse.

    python3 tests/browser/harness_cases.py build/browser [part of a case's name]
"""

from page import main

BLANK = "<!doctype html><title>page</title><style>body { margin: 0 }</style>"


def write(browser, name, body):
    (browser.folder / name).write_text(BLANK + body)
    return name


def problems_of(browser, body):
    page = browser.open(write(browser, "harness.html", body))
    page.wait_for("document.readyState == 'complete'")
    page.run("return new Promise(done => setTimeout(done, 200))")
    found = " ".join(page.problems())
    page.console, page.requests = [], []  # they were wanted
    return found


def console_errors_are_problems(browser):
    assert "console error" in problems_of(browser, "<script>console.error('oh')</script>")
    assert "console error" in problems_of(browser, "<script>missing()</script>")
    assert problems_of(browser, "<script>console.log('fine')</script>") == ""


def requests_are_problems(browser):
    assert "request: https://example.invalid/a.js" in problems_of(
        browser, "<script src='https://example.invalid/a.js'></script>")
    assert "request: file:" in problems_of(browser, "<img src='other.png'>")
    assert problems_of(browser, "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>") == ""


def window_and_preferences_are_as_told(browser):
    page = browser.open(write(browser, "harness.html", "<p>text"), width=400, height=700, dark=True)
    assert page.run("return [innerWidth, innerHeight]") == [400, 700]
    assert page.run("return matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate(dark=False)
    assert not page.run("return matchMedia('(prefers-color-scheme: dark)').matches")


def pixels_are_counted(browser):
    page = browser.open(write(browser, "harness.html", """
        <div style="height: 50px; background: red"></div>
        <div style="height: 50px; background: linear-gradient(to right, blue, lime)"></div>"""))
    assert page.pixels([0, 0, 100, 50]) == 1
    assert page.pixels([0, 50, 1000, 50]) > 100
    assert page.screenshot("harness")[:4] == b"\x89PNG"


def mouse_reaches_the_page(browser):
    page = browser.open(write(browser, "harness.html", """<script>
        const seen = [];
        for (const kind of ["pointerdown", "pointerup", "pointermove"])
          addEventListener(kind, e => seen.push([kind, e.clientX, e.clientY, e.buttons]));
        </script>"""))
    page.drag([(10, 20), (30, 40)])
    seen = page.run("return seen")
    assert ["pointerdown", 10, 20, 1] in seen and ["pointerup", 30, 40, 0] in seen, seen
    assert any(kind == "pointermove" and buttons == 1 for kind, _, _, buttons in seen), seen


def webgl_draws_and_can_be_missing(browser):
    page = browser.open(write(browser, "harness.html", "<canvas></canvas>"))
    test = "return document.querySelector('canvas').getContext('webgl') !== null"
    assert page.run(test)
    assert not browser.open("harness.html", without_webgl=True).run(test)


if __name__ == "__main__":
    main([console_errors_are_problems, requests_are_problems, window_and_preferences_are_as_told,
          pixels_are_counted, mouse_reaches_the_page, webgl_draws_and_can_be_missing])
