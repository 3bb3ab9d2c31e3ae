const width = 100
const indent = 20

/** A part that cannot be had: which one, why, and the commands that mend it. */
export class SetupError extends Error {
  /**
   * @param {string} part
   * @param {string} why
   * @param {readonly string[]} commands
   */
  constructor(part, why, commands) {
    super(`${part}: ${why}`)
    this.commands = commands
  }
}

/** The parts one after the other, each with a tick once it is there: `zstd ✓  age ✓`. */
export class Progress {
  /** `quiet` holds everything back until something takes long or fails. */
  constructor(title, { quiet = false } = {}) {
    this.held = quiet ? [] : null
    this.column = 0
    this.write(`  ${title}`.padEnd(indent))
  }

  /** Names the part that is looked at; `note` says what takes long. */
  begin(part, note = '') {
    const text = note ? `${part} … ${note} ` : `${part} `
    this.room(text.length + 3)
    this.write(text)
  }

  note(text) {
    this.speak()
    this.room(text.length + 4)
    this.write(`… ${text} `)
  }

  done(detail = '') {
    this.write(detail ? `${detail} ✓  ` : '✓  ')
  }

  /** A part that was there. */
  have(part) {
    this.begin(part)
    this.done()
  }

  end() {
    this.write('\n')
  }

  /** @param {SetupError} error */
  fail(error) {
    this.speak()
    this.write('✗\n')
    const todo = error.commands.map((line) => `    ${line}`).join('\n')
    process.stderr.write(`\n  error  ${error.message}\n${todo ? `  run\n${todo}\n` : ''}`)
  }

  room(length) {
    if (this.column > indent && this.column + length > width) {
      this.write(`\n${' '.repeat(indent)}`)
      this.column = indent
    }
  }

  speak() {
    if (this.held !== null) process.stdout.write(this.held.join(''))
    this.held = null
  }

  write(text) {
    if (this.held === null) process.stdout.write(text)
    else this.held.push(text)
    this.column = text.endsWith('\n') ? 0 : this.column + text.length
  }
}
