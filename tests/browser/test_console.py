"""Does the console work for people: in a real browser, by keyboard alone, on a phone, for weak eyes?"""

import pytest

from tests.rules.builders import at
from tests.web.browsers import PASSWORD
from web.signing_in import offer_first

PAGES = [
    "/", "/duty", "/duty/S1", "/petitions", "/petitions/P1", "/projects", "/projects/J1", "/matters?status=open",
    "/matters/visit:S1:2026-03", "/register", "/register/reception?deputy=DA", "/register/log?deputy=DA",
    "/register/leave?deputy=DA", "/register/opinion", "/messages", "/messages/1", "/sandbox", "/findings", "/audit",
    "/report", "/password", "/petitions/none",
]  # fmt: skip
PHONE = {"width": 320, "height": 640}


def act(page, name, **cells):
    """Report an event by its form."""
    form = page.locator("details.act").filter(has=page.locator("summary", has_text=name))
    form.locator("summary").click()
    for field, value in cells.items():
        cell = form.locator(f"[name={field}]")
        if cell.first.get_attribute("type") == "radio":
            form.locator(f"[name={field}][value={value}]").check()
        elif cell.evaluate("e => e.tagName") == "SELECT":
            cell.select_option(value)
        else:
            cell.fill(value)
    form.locator("form button").click()
    page.wait_for_selector(".flash.done")


def later(house, when):
    """Let the clock come to an instant; all that is due is done and sent."""
    house.run_to(at(when))


# The whole way -----------------------------------------------------------------------------


def test_an_opinion_from_the_register_to_the_residents_answer(  # noqa: PLR0915 - it is one story
    page, house, account, sign_in
):
    with house.engine.begin() as connection:
        first = offer_first(connection)
    page.goto(first)
    page.fill("#account", "li.ming")
    page.fill("#name", "黎明")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("main form button")
    page.wait_for_selector("nav.main")
    assert "黎明" in page.inner_text(".who")
    account("zhen", "town", office="T1")
    account("gongwei", "municipal")
    account("daibiao", "deputy", deputy="DA")

    # The town registers what a resident said at the station, and assigns it.
    sign_in("zhen")
    page.goto("/register/reception?deputy=DA")
    page.locator("label.choice", has_text="机构V1").click()
    page.fill("#date", "2026-03-01")  # on the 2nd his visit to this place is on record
    page.fill("#voters", "3")
    page.fill("#title", "村口路灯不亮")
    page.fill("#number", "GH2026-0100")
    page.fill("#petitioner", "居民丙")
    page.click("button:text('保存')")
    page.wait_for_selector(".flash.done")
    later(house, "03-02 10:05")
    page.goto("/petitions?q=路灯")
    page.click("text=GH2026-0100")
    act(page, "交办", office="DT", note="请尽快处理")
    later(house, "03-02 10:10")
    page.reload()
    act(page, "提级", level="municipal")

    # Nobody at the municipality assigns it: it goes overdue, and the directors' office acknowledges.
    later(house, "03-09 09:30")
    sign_in("li.ming")
    page.goto("/petitions/GH2026-0100")
    assert "逾期" in page.inner_text(".loop .late")
    act(page, "批示", office="DIR")
    later(house, "03-09 09:40")
    page.reload()
    assert "上报暂缓至 2026-03-12" in page.inner_text("main")

    sign_in("gongwei")
    page.goto("/petitions/GH2026-0100")
    act(page, "交办", office="DM")
    later(house, "03-09 09:50")
    page.reload()
    act(page, "签收")
    later(house, "03-09 10:00")
    page.reload()
    act(page, "办结", note="已换新灯")
    later(house, "03-09 10:01")

    # The deputy is told by SMS, and looks at the result.
    sign_in("li.ming")
    page.goto("/sandbox")
    page.select_option("#f-person", "deputy:DA")
    page.click("button:text('筛选')")
    texts = page.inner_text(".phone")
    assert "GH2026-0100" in texts
    assert "核实" in texts
    assert "路灯" not in texts
    assert "居民丙" not in texts

    sign_in("daibiao")
    page.goto("/petitions/GH2026-0100")
    act(page, "核实", result="ok")
    later(house, "03-09 10:30")
    page.reload()
    act(page, "反馈", result="satisfied", note="居民满意")
    later(house, "03-09 10:31")
    page.reload()
    assert page.locator(".loop .done").count() == 6
    assert "已闭环" in page.inner_text(".head")

    # All of it is on record.
    sign_in("li.ming")
    page.goto("/audit?subject=GH2026-0100")
    said = page.inner_text("main")
    assert said.count("办理意见") - 1 == 8  # the filter names it once
    assert "登记意见" in said


def test_a_town_cannot_reach_another_towns_pages(page, house, account, sign_in):
    account("zhen", "town", office="T1")
    sign_in("zhen")
    for path in ("/petitions/P2", "/duty/S2", "/matters/visit:S2:2026-03", "/sandbox", "/audit", "/report/2026-03"):
        assert page.goto(path).status in (403, 404)
        assert "没有权限" in page.inner_text("main")


# By keyboard alone -------------------------------------------------------------------------


def focused(page):
    return page.evaluate("document.activeElement.outerHTML.slice(0, 80)")


def test_the_console_is_used_by_keyboard_alone(page, house, account):
    account("zhen", "town", office="T1")
    press = page.keyboard.press
    page.goto("/sign-in")
    page.locator("#account").focus()
    page.keyboard.type("zhen")
    press("Tab")
    page.keyboard.type(PASSWORD)
    press("Enter")
    page.wait_for_selector("nav.main")
    press("Tab")
    assert "跳到正文" in page.evaluate("document.activeElement.innerText")
    press("Enter")
    press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")

    page.goto("/petitions/P1")
    page.locator("summary", has_text="交办").focus()
    press("Enter")
    press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "DT"
    press("Tab")  # until: day, month and year have a stop each, and the picker
    for _ in range(25):
        if "<button" in focused(page):
            break
        press("Tab")
    press("Enter")
    page.wait_for_selector(".flash.done")


@pytest.mark.parametrize("path", ["/", "/duty", "/petitions/P1", "/register/reception?deputy=DA", "/sandbox"])
def test_no_page_holds_the_keyboard_captive(page, house, account, sign_in, path):
    account("op", "operator")
    sign_in("op")
    page.goto(path)
    names = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement === document.body ? '' : document.activeElement.outerHTML")
        if not name and names:
            break
        shows = page.evaluate("getComputedStyle(document.activeElement).outlineStyle != 'none'")
        assert shows or not name, name
        names.add(name)
    else:
        pytest.fail("the focus never came out at the end of the page")
    assert len(names) > 10


# On a phone, in large letters, for weak eyes --------------------------------------------------


def width_of(page):
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone(looking, path):
    looking.set_viewport_size(PHONE)
    looking.goto(path)
    assert width_of(looking) <= PHONE["width"]
    looking.click("text=大字版")
    looking.wait_for_selector("text=标准字")
    looking.goto(path)
    assert width_of(looking) <= PHONE["width"]


#: every text's colour against what stands behind it, as WCAG 2.2 reckons contrast
FAINT = """() => {
  const linear = v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = c => { const [r, g, b] = c.map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
  const rgba = s => { const n = s.match(/[0-9.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const behind = e => {
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > .9) return c; }
    return [255, 255, 255, 1]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest('.sr, .skip, option')) continue;
    const a = light(rgba(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e).slice(0, 3));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push(text.slice(0, 20) + ' ' + ratio.toFixed(2));
  }
  return found;
}"""
#: controls without a name, images without words, tables without headings, ids twice
UNNAMED = """() => {
  const found = [];
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels.length && !e.ariaLabel) found.push(e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll('button, a'))
    if (!e.innerText.trim() && !e.ariaLabel) found.push(e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll('img:not([alt]), iframe:not([title]), thead th:not([scope])'))
    found.push(e.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  found.push(...ids.filter((id, i) => ids.indexOf(id) != i).map(id => 'twice: ' + id));
  if (document.querySelectorAll('h1').length != 1) found.push('h1');
  return found;
}"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_legible_and_everything_has_a_name(looking, path):
    looking.goto(path)
    for details in looking.locator("details").all():
        details.locator("summary").click()
    assert looking.evaluate(FAINT) == []
    assert looking.evaluate(UNNAMED) == []
