#!/usr/bin/env python3
"""The 3-D page of a network: what it computes, shows and answers to.

    python3 tests/browser/view_cases.py build/browser [part of a case's name]

scripts/browser.sh makes the pages and runs it.
"""

import json

from page import main


def open_view(browser, name, **options):
    page = browser.open(f"{name}.html", **options)
    settle(page)
    return page


def settle(page):
    """Until the scene stands still."""
    page.wait_for("window.foveaView && foveaView.isStill()", what="the scene stands still")


def computed(browser, name):
    """What the library computes: "outputs" [output][sample][number], "layers" {name: numbers}."""
    return json.loads((browser.folder / f"{name}.json").read_text())


def predictions(browser, name):
    return computed(browser, name)["outputs"]


def expect_close(found, expected, what):
    """|difference| / max |expected|, at most 1e-4."""
    assert len(found) == len(expected), f"{what}: {len(found)} numbers, not {len(expected)}"
    scale = max(max(map(abs, expected)), 1e-30)
    error = max(abs(a - b) for a, b in zip(found, expected)) / scale
    assert error <= 1e-4, f"{what} differs by {error:.2e}"


def place(page, layer, *cell):
    return page.run("return foveaView.place(...arguments)", layer, *cell)


def opened(page):
    return page.run("return document.getElementById('detail').hidden") is False


# ---- Numbers ----


def compares_with_the_library(browser, name):
    page = open_view(browser, name)
    expected = predictions(browser, name)
    samples = page.run("return foveaView.samples()")
    assert len(samples) == min(12, len(expected[0]))
    for n, sample in enumerate(samples):
        for output, found in enumerate(page.run("return foveaView.compute(arguments[0])", sample)):
            expect_close(found, expected[output][n], f"{name}, sample {n}, output {output}")
    for layer, numbers in computed(browser, name)["layers"].items():
        found = page.run("return foveaView.values(arguments[0]).slice(0, arguments[1])", layer,
                         len(numbers))
        expect_close(found, numbers, f"{name}, layer {layer}")


def page_computes_lenet5(browser):
    compares_with_the_library(browser, "lenet5")


def page_computes_trained_digits(browser):
    compares_with_the_library(browser, "digits")


def page_computes_mnist_cnn(browser):
    compares_with_the_library(browser, "mnist_cnn")


def page_computes_cifar10_cnn(browser):
    compares_with_the_library(browser, "cifar10_cnn")


def page_computes_resnet20(browser):
    compares_with_the_library(browser, "resnet20")


def page_computes_all_kinds_of_ops(browser):
    compares_with_the_library(browser, "all_kinds")


# ---- What is seen ----


def scene_is_drawn(browser):
    for dark in (False, True):
        page = open_view(browser, "digits", dark=dark)
        colours = page.pixels([300, 80, 900, 650])
        assert colours > 2000, f"{colours} colours"
        page.screenshot(f"view-{'dark' if dark else 'light'}")
    assert page.text("h1") == "LeNet-5 reads digits"
    assert "61,706 parameters" in page.text("#summary")
    labels = [label.text for label in page.find_all(".label")]
    assert "conv2d\n(28, 28, 6)" in labels, labels


def larger_networks_and_phones(browser):
    page = open_view(browser, "resnet20", dark=True)
    page.screenshot("view-resnet20")
    assert page.pixels([300, 80, 900, 650]) > 2000
    layers = page.run("return foveaView.layers().length")
    page.find("#every").click()
    assert page.run("return foveaView.layers().length") == 72 > layers
    page = open_view(browser, "digits", width=400)
    assert page.run("return document.documentElement.scrollWidth") == 400
    assert page.pixels([0, 110, 400, 380]) > 500
    page.full_screenshot("view-phone")


def hover_names_the_unit_and_what_it_reads(browser):
    page = open_view(browser, "digits")
    before = page.pixels([300, 80, 900, 650])
    page.move(*place(page, "conv2d", 0, 12, 12))
    settle(page)
    tip = page.text("#tip")
    assert tip.startswith("conv2d\nConv2D · (28, 28, 6)\nmap 0, row 12, column 12: "), tip
    assert "reads input_layer: rows 10–14, columns 10–14" in tip, tip
    page.screenshot("view-hover")
    page.move(*place(page, "dense_2", 3))
    assert "unit 3 (3)" in page.text("#tip") and "reads dense_1: all 84 units" in page.text("#tip")
    page.move(290, 780)
    assert page.run("return document.getElementById('tip').hidden")
    assert before > 0


def layer_opens_on_click(browser):
    page = open_view(browser, "digits")
    assert not opened(page)
    page.click(*place(page, "conv2d_1", 0, 4, 4))
    settle(page)
    assert opened(page)
    assert page.text("#detail h2") == "conv2d_1"
    assert len(page.find_all("#detail .maps:not(.filters) canvas")) == 16
    assert len(page.find_all("#detail .filters canvas")) == 16
    values = page.text("#detail .statistics")
    assert values.startswith("from -") and "mean" in values, values
    page.screenshot("view-open")
    first, second = place(page, "conv2d_1", 0, 4, 4), place(page, "conv2d_1", 1, 4, 4)
    assert second[0] - first[0] > 60, "the maps lie side by side"
    page.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'n', bubbles: true}))")
    assert page.text("#detail h2") == "average_pooling2d_1"
    page.find("#detail .close").click()
    assert not opened(page)


def values_are_read_out(browser):
    page = open_view(browser, "digits")
    page.click(*place(page, "dense_2", 4))
    settle(page)
    box = page.run("""const box = document.querySelector("#detail .units").getBoundingClientRect();
        return [box.left, box.top, box.width, box.height];""")
    outputs = page.run("return foveaView.outputs()[0]")
    page.move(box[0] + box[2] * 0.75, box[1] + box[3] / 2)
    unit, value = page.text("#detail .read-out").split(": ")
    assert unit == "unit 7" and abs(float(value) - outputs[7]) < 1e-3, (unit, value, outputs)


# ---- What people do ----


def samples_change_the_outputs(browser):
    page = open_view(browser, "digits")
    expected = predictions(browser, "digits")[0]
    for n in (0, 3, 7):
        page.find_all(".sample")[n].click()
        settle(page)
        expect_close(page.run("return foveaView.outputs()[0]"), expected[n], f"sample {n}")
        likeliest = max(range(10), key=lambda i: expected[n][i])
        assert page.text(".bar.largest .name") == str(likeliest)
        assert page.find_all(".sample")[n].get_attribute("aria-selected") == "true"


def drawn_one_is_read_as_one(browser):
    page = open_view(browser, "digits")
    left, top, side = page.run("""const box = document.getElementById("pad").getBoundingClientRect();
        return [box.left, box.top, box.width];""")
    # Off the middle, and small: the pad centres and enlarges it.
    stroke = [(0.35 - 0.004 * i, 0.15 + 0.05 * i) for i in range(11)]
    page.drag([(left + x * side, top + y * side) for x, y in stroke])
    page.wait_for("document.querySelector('.bar.largest .name').textContent === '1'",
                  what="the network reads a 1")
    settle(page)
    page.screenshot("view-drawn")
    outputs = page.run("return foveaView.outputs()[0]")
    assert outputs[1] > 0.5, outputs
    seen = page.run("""const canvas = document.querySelector("#seen canvas");
        return Array.from(canvas.getContext("2d").getImageData(0, 0, 28, 28).data);""")
    rows = [any(seen[4 * (28 * y + x)] > 60 for x in range(28)) for y in range(28)]
    assert 18 <= sum(rows) <= 21, f"{sum(rows)} rows have ink"
    assert rows.index(True) in (3, 4, 5), rows
    page.find("#clear").click()
    page.wait_for("foveaView.isStill()")
    page.wait_for("document.querySelector('#seen canvas').getContext('2d')"
                  ".getImageData(0, 0, 28, 28).data.every((v, i) => i % 4 === 3 || v === 0)")


def camera_turns_zooms_and_comes_back(browser):
    page = open_view(browser, "digits")
    first = place(page, "conv2d", 0, 0, 0)

    def changes(what):
        before = place(page, "conv2d", 0, 0, 0)
        what()
        settle(page)
        after = place(page, "conv2d", 0, 0, 0)
        assert abs(after[0] - before[0]) + abs(after[1] - before[1]) > 5, (before, after)

    def key(name, shift="false"):
        return lambda: page.run("document.dispatchEvent(new KeyboardEvent('keydown', "
                                f"{{key: '{name}', bubbles: true, shiftKey: {shift}}}))")

    changes(lambda: page.drag([(700, 740), (760, 745), (820, 750)]))
    changes(key("ArrowRight"))
    changes(key("ArrowUp", "true"))
    changes(key("+"))
    changes(lambda: page.run("document.getElementById('scene').dispatchEvent("
                             "new WheelEvent('wheel', {deltaY: 100, cancelable: true}))"))
    assert not opened(page), "turning opens nothing"
    page.find("#reset").click()
    settle(page)
    last = place(page, "conv2d", 0, 0, 0)
    assert abs(last[0] - first[0]) + abs(last[1] - first[1]) < 1, (first, last)


# ---- Without ----


def without_webgl_there_is_a_list(browser):
    page = open_view(browser, "digits", without_webgl=True)
    assert "offers no WebGL" in page.text("#notice")
    assert len(page.find_all("#list .listed")) == len(page.run("return foveaView.layers()"))
    assert len(page.find_all("#list .maps canvas")) >= 6 + 6 + 16 + 16
    page.find_all("#list button")[1].click()
    assert page.text("#detail h2") == "conv2d"
    page.screenshot("view-list")


def what_the_page_cannot_compute_it_says(browser):
    expected = predictions(browser, "foreign_op")[0]
    page = open_view(browser, "foreign_op")
    notice = page.text("#notice")
    assert "no JavaScript for the op browser_test.softsign" in notice, notice
    assert page.run("return document.getElementById('pad-panel').hidden")
    page.find_all(".sample")[2].click()
    settle(page)
    found = page.run("return foveaView.outputs()[0]")
    assert all(abs(a - b) < 0.005 for a, b in zip(found, expected[2])), (found, expected[2])
    assert page.pixels([300, 80, 900, 650]) > 500
    page = open_view(browser, "large")
    assert "more than the limit of 0.1 MB" in page.text("#notice"), page.text("#notice")
    assert page.text("h1") == "</script><b>& {{title}}"


def without_samples_there_is_noise(browser):
    page = open_view(browser, "plain")
    assert "noise" in page.text("#samples-title").lower()
    assert len(page.find_all(".sample")) == 1


if __name__ == "__main__":
    main([page_computes_lenet5, page_computes_trained_digits, page_computes_mnist_cnn,
          page_computes_cifar10_cnn, page_computes_resnet20, page_computes_all_kinds_of_ops,
          scene_is_drawn, larger_networks_and_phones, hover_names_the_unit_and_what_it_reads,
          layer_opens_on_click, values_are_read_out, samples_change_the_outputs,
          drawn_one_is_read_as_one, camera_turns_zooms_and_comes_back,
          without_webgl_there_is_a_list, what_the_page_cannot_compute_it_says,
          without_samples_there_is_noise])
