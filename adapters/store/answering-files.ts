/** The calls of a directory store that look and make names, each asked of a file system that may hang. */
import type { Dirent, MakeDirectoryOptions, RmOptions, StatsFs, Stats } from 'node:fs'
import { access, type FileHandle, link, lstat, mkdir, open, readdir, realpath, rm, stat, statfs } from 'node:fs/promises'
import { type Answering, createAnswering } from './answering.ts'

export interface AnsweringFiles {
  stat(path: string): Promise<Stats>
  lstat(path: string): Promise<Stats>
  statfs(path: string): Promise<StatsFs>
  realpath(path: string): Promise<string>
  access(path: string, mode: number): Promise<void>
  open(path: string, flags: string | number, mode?: number): Promise<FileHandle>
  names(folder: string): Promise<string[]>
  entries(folder: string): Promise<Dirent[]>
  mkdir(path: string, options: MakeDirectoryOptions): Promise<unknown>
  link(from: string, to: string): Promise<void>
  rm(path: string, options?: RmOptions): Promise<void>
}

/** Longer than a busy disk takes for a name; a call that did not answer is tried again by its caller's own rule. */
const answerSeconds = 20

const known = new Map<string, AnsweringFiles>()

/** The same for everybody in this process who names this root. @param seconds until it is taken to hang; of the first who asks */
export function filesAt(root: string, seconds = answerSeconds): AnsweringFiles {
  const files = known.get(root) ?? filesOf(createAnswering(root, seconds))
  known.set(root, files)
  return files
}

function filesOf({ ask }: Answering): AnsweringFiles {
  return {
    stat: (path) => ask(`looking at ${path}`, () => stat(path)),
    lstat: (path) => ask(`looking at ${path}`, () => lstat(path)),
    statfs: (path) => ask(`measuring ${path}`, () => statfs(path)),
    realpath: (path) => ask(`following ${path}`, () => realpath(path)),
    access: (path, mode) => ask(`looking at ${path}`, () => access(path, mode)),
    open: (path, flags, mode) =>
      ask(
        `opening ${path}`,
        () => open(path, flags, mode),
        (handle) => handle.close(),
      ),
    names: (folder) => ask(`listing ${folder}`, () => readdir(folder)),
    entries: (folder) => ask(`listing ${folder}`, () => readdir(folder, { withFileTypes: true })),
    mkdir: (path, options) => ask(`making ${path}`, () => mkdir(path, options)),
    link: (from, to) => ask(`making ${to}`, () => link(from, to)),
    rm: (path, options) => ask(`removing ${path}`, () => rm(path, options)),
  }
}
