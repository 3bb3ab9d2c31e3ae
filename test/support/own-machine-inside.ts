/** Runs in a machine of its own: starts what it is told on stdin, one JSON object per line, and tells what became of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export type InsideRequest =
  | { readonly id: number; readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly cwd: string }
  | { readonly id: number; readonly interrupt: true }

export type InsideAnswer =
  | { readonly id: number; readonly said: string }
  | { readonly id: number; readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }

const running = new Map<number, ChildProcess>()

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line) as InsideRequest
  if ('interrupt' in request) running.get(request.id)?.kill('SIGINT')
  else begin(request)
})

function begin({ id, argv, env, cwd }: Extract<InsideRequest, { readonly cwd: string }>): void {
  const [program = '', ...args] = argv
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  running.set(id, child)
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (said: string) => {
      text[stream] += said
      tell({ id, said })
    })
  }
  const end = (exitCode: number | null, problem = ''): void => {
    if (running.delete(id)) tell({ id, exitCode, stdout: text.stdout, stderr: text.stderr + problem })
  }
  child.once('error', (error) => end(null, error.message))
  // A server that was started keeps the pipes open: the program's own end counts.
  child.once('exit', (code) => setTimeout(() => end(code), 50))
}

function tell(answer: InsideAnswer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
