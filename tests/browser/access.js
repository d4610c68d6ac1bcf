// What assistive technology and a person with a finger or weak eyes meet on the page. Returns what is wrong, as words.
(touch) => {
  const problems = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  function* all(root) {
    for (const element of root.querySelectorAll("*")) {
      yield element;
      if (element.shadowRoot) yield* all(element.shadowRoot);
    }
  }
  const parentOf = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const chain = (element) => {
    const found = [];
    for (let each = element; each; each = parentOf(each)) found.push(each);
    return found;
  };
  const isHidden = (element) => chain(element).some((each) => each.getAttribute("aria-hidden") === "true");
  const called = (element) => `${element.localName}${element.className ? `.${element.className}` : ""} "${(element.textContent || "").trim().slice(0, 40)}"`;

  // WCAG 2.2, 4.1.2: every control has a name.
  const nameOf = (element) => {
    const labelled = element.getAttribute("aria-label") ?? [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
    if (labelled.trim()) return labelled.trim();
    if (element.matches("input, textarea, select")) return "";
    return [element.textContent, ...[...element.querySelectorAll("[alt]")].map((image) => image.alt)].join(" ").trim();
  };
  const CONTROLS = "a[href], button, input, select, textarea, [role=slider], [role=progressbar], dialog[open]";
  const controls = [...all(document)].filter((element) => element.matches(CONTROLS) && shown(element) && !isHidden(element));
  for (const control of controls) {
    if (!nameOf(control) && !control.hasAttribute("aria-labelledby")) problems.push(`no name: ${called(control)}`);
  }

  // WCAG 2.2, 2.5.8 and Apple's and Google's 44 and 48: a finger hits 40 px. A comment's pin has its twin in the list.
  if (touch) {
    for (const control of controls.filter((each) => each.matches("a[href], button, input, select, textarea, [role=slider]") && !each.matches(".pin, .skip"))) {
      const { width, height } = control.getBoundingClientRect();
      if (width < 40 || height < 40) problems.push(`too small for a finger, ${Math.round(width)}x${Math.round(height)}: ${called(control)}`);
    }
  }

  // WCAG 2.2, 1.4.3: text against what is painted behind it.
  const colourOf = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a),
    g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a),
    a: 1,
  });
  const behind = (element) => {
    const layers = chain(element).map((each) => colourOf(getComputedStyle(each).backgroundColor)).filter((colour) => colour.a > 0);
    const solid = layers.findIndex((colour) => colour.a === 1);
    return layers.slice(0, solid < 0 ? undefined : solid + 1).reduceRight((below, top) => over(top, below), { r: 20, g: 20, b: 20, a: 1 });
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (one, two) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const check = (element, colour, what) => {
    if (chain(element).some((each) => each.matches?.(":disabled")) || isHidden(element)) return;
    const ground = behind(element);
    const ratio = contrast(over(colourOf(colour), ground), ground);
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${what} of ${called(element)}`);
  };
  for (const element of all(document)) {
    if (!shown(element)) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (own && !element.matches("script, style, title")) check(element, getComputedStyle(element).color, "text");
    if (element.matches("input, textarea")) {
      check(element, getComputedStyle(element).color, "text");
      if (element.placeholder) check(element, getComputedStyle(element, "::placeholder").color, "placeholder");
    }
  }

  // WCAG 2.2, 1.4.10 and 3.1.1, and headings that say what the page is.
  if (document.documentElement.scrollWidth > innerWidth) problems.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  if (!document.documentElement.lang) problems.push("no language");
  if (!document.title) problems.push("no title");
  const headings = [...all(document)].filter((element) => element.matches("h1") && shown(element) && element.textContent.trim());
  if (headings.length !== 1) problems.push(`${headings.length} headings of the first level: ${headings.map(called)}`);
  return { problems, controls: controls.length };
}
