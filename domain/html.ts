/** Small pieces of a page. What comes from people or machines goes through `html`. */

export function html(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}

/** @param content is HTML already */
export function section(title: string, content: string): string {
  return `<section><h2>${html(title)}</h2>${content}</section>`
}

export function list(lines: readonly string[]): string {
  return lines.length === 0 ? '<p>none</p>' : `<ul>${lines.map((line) => `<li>${html(line)}</li>`).join('')}</ul>`
}

export function facts(pairs: readonly (readonly string[])[]): string {
  return `<dl>${pairs.map(([name = '', value = '']) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`).join('\n')}</dl>`
}

/** @param rows are HTML already */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
  return `<table><tr>${head.map((name) => `<th>${html(name)}</th>`).join('')}</tr>${body.join('\n')}</table>`
}
