"""What the scripts of this folder share: cases, and a page in a headless Chromium.

A case is a function of a Browser. It fails by an exception, and also where a page that it opened
wrote an error into the console or asked for anything but its own file.
"""

import json
import os
import pathlib
import sys
import tempfile
import time
import traceback

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By


class Browser:
    """One Chromium for all cases of a script, with a window of its own for each page."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        options = webdriver.ChromeOptions()
        options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        for argument in ("--headless=new", "--window-size=1280,800", "--hide-scrollbars",
                         "--force-device-scale-factor=1", "--disable-dev-shm-usage",
                         "--use-gl=angle", "--use-angle=swiftshader",
                         "--enable-unsafe-swiftshader"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(
            executable_path=os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)  # paths: nothing is sought
        self.driver.set_script_timeout(60)
        self.pages = []

    def open(self, name, width=1280, height=800, dark=False, without_webgl=False):
        """The page of a file of the folder, loaded. Width and height are what the page has."""
        if self.pages:
            self.driver.switch_to.new_window("tab")
        page = Page(self, name)
        self.pages.append(page)
        page.resize(width, height)
        page.emulate(dark)
        if without_webgl:
            self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": """
                const getContext = HTMLCanvasElement.prototype.getContext;
                HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
                  return kind.includes("webgl") ? null : getContext.call(this, kind, ...rest);
                };"""})
        begin = time.monotonic()
        self.driver.get(page.url)
        page.seconds = time.monotonic() - begin
        return page

    def finish_case(self):
        """Checks every page that the case opened, and closes all but one window."""
        problems = [problem for page in self.pages for problem in page.problems()]
        while len(self.driver.window_handles) > 1:
            self.driver.switch_to.window(self.driver.window_handles[-1])
            self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])
        self.driver.get("about:blank")
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.pages = []
        assert not problems, "; ".join(problems)


class Page:
    """A page in the window that was opened last."""

    def __init__(self, browser, name):
        self.browser = browser
        self.driver = browser.driver
        self.name = name
        self.url = (browser.folder / name).as_uri()
        self.console, self.requests = [], []
        self.may_log = ()  # texts of console errors that the case is about

    # ---- The window ----

    def resize(self, width, height=800):
        """The size of the page's viewport; 400 is a phone's width."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def emulate(self, dark):
        """What the page is told that the user prefers."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def screenshot(self, name):
        """Saves <name>.png beside the pages, and gives its bytes."""
        path = self.browser.folder / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path.read_bytes()

    def full_screenshot(self, name):
        """As screenshot(), of the whole page, however long."""
        height = self.run("return document.documentElement.scrollHeight")
        width = self.run("return window.innerWidth")
        before = self.run("return window.innerHeight")
        self.resize(width, min(height, 16000))
        try:
            return self.screenshot(name)
        finally:
            self.resize(width, before)

    # ---- Its contents ----

    def run(self, script, *arguments):
        """What a JavaScript function body returns."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def wait_for(self, script, seconds=20, what=None):
        """Until the JavaScript expression is true; its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(f"return ({script})")
            if value:
                return value
            assert time.monotonic() < end, f"{self.name}: not within {seconds} s: {what or script}"
            time.sleep(0.05)

    def pixels(self, canvas):
        """Different colours among the pixels of a rectangle of the screen, [x, y, width, height]."""
        png = self.driver.get_screenshot_as_base64()
        return self.driver.execute_async_script("""
            const [png, box, done] = arguments;
            const picture = new Image();
            picture.onload = () => {
              const canvas = document.createElement("canvas");
              canvas.width = box[2];
              canvas.height = box[3];
              const context = canvas.getContext("2d");
              context.drawImage(picture, -box[0], -box[1]);
              const data = new Uint32Array(
                  context.getImageData(0, 0, box[2], box[3]).data.buffer);
              done(new Set(data).size);
            };
            picture.src = "data:image/png;base64," + png;""", png, canvas)

    # ---- The mouse, at places of the viewport in pixels ----

    def move(self, x, y):
        actions = ActionChains(self.driver, duration=20)
        actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        actions.perform()

    def click(self, x, y):
        actions = ActionChains(self.driver, duration=20)
        actions.w3c_actions.pointer_action.move_to_location(int(x), int(y))
        actions.w3c_actions.pointer_action.click()
        actions.perform()

    def drag(self, points):
        """Presses the button at the first of the points and releases it at the last."""
        actions = ActionChains(self.driver, duration=20)
        pointer = actions.w3c_actions.pointer_action
        pointer.move_to_location(*map(int, points[0]))
        pointer.pointer_down()
        for x, y in points[1:]:
            pointer.move_to_location(int(x), int(y))
        pointer.pointer_up()
        actions.perform()

    # ---- What must not be ----

    def read_logs(self):
        """Console messages and requests so far; a log is given out once."""
        self.console += self.driver.get_log("browser")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])

    def problems(self):
        self.read_logs()
        errors = [entry["message"] for entry in self.console if entry["level"] == "SEVERE"]
        errors = [e for e in errors if not any(text in e for text in self.may_log)]
        # Chromium lists a page's own data: and blob: addresses, which ask nobody for anything.
        own = {page.url for page in self.browser.pages}
        foreign = [url for url in self.requests
                   if url.split("#")[0] not in own and not url.startswith(("data:", "blob:"))]
        return ([f"{self.name}: console error: {error}" for error in errors] +
                [f"{self.name}: request: {url}" for url in foreign])


def main(cases):
    """Runs each function of the list, or those whose names hold argument 2; the last line counts."""
    chosen = [case for case in cases if len(sys.argv) < 3 or sys.argv[2] in case.__name__]
    failed = 0
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # Chromium's own files
        browser = Browser(sys.argv[1])
        try:
            for case in chosen:
                failed += not run_case(case, browser)
        finally:
            browser.driver.quit()
    print(f"cases: {len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def run_case(case, browser):
    try:
        try:
            case(browser)
        except BaseException:
            if browser.pages:
                browser.pages[-1].screenshot(f"failed-{case.__name__}")
            browser.finish_case()
            raise
        browser.finish_case()
        print(f"ok    {case.__name__}", flush=True)
        return True
    except Exception as error:  # a case's failure must not hide the others
        print(f"FAIL  {case.__name__}: {error}", flush=True)
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        return False
