/** The few lines that every view needs to make elements. Data goes in as text, never as markup. */

/**
 * @param {string} id of an element that the page has
 * @returns {any} the element
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes] `text` is the element's text, all others are attributes
 * @param {...(Node | string)} children
 * @returns {any} the new element
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Runs a task once before the next picture, however often it was asked for. A page that nobody sees paints nothing.
 * @param {() => void} task
 * @returns {() => void} asks for it
 */
export function beforePaint(task) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      task();
    });
  };
}

/**
 * A text that changes only when it must, so that what is selected or read aloud isn't disturbed.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
