/**
 * A recording stand-in for `docker compose`: an executable script with one file per service and container. It writes down every
 * call, and answers as the command line of compose 2 does: `ps --format json` with one object a line, an unknown service
 * with "no such service" and exit code 1. A container engine cannot run where the tests do.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ContainerBehaviour {
  /** `none` while there is no container yet. */
  readonly state: string
  readonly health?: string
  /** Default: running. */
  readonly onUp?: string
  /** Default: exited. */
  readonly onStop?: string
  readonly exitCode?: number
}

export interface DockerStandIn {
  /** The program; give it as `docker` or in MUSTER_DOCKER. */
  readonly path: string
  setService(service: string, behaviour: ContainerBehaviour): Promise<void>
  state(service: string): Promise<string>
  /** The arguments of every call so far, oldest first. */
  calls(): Promise<string[][]>
  remove(): Promise<void>
}

export async function createDockerStandIn(): Promise<DockerStandIn> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-docker-'))
  await chmod(directory, 0o755)
  const path = join(directory, 'docker')
  await writeFile(path, script, { mode: 0o755 })
  const fileOf = (service: string, name: string) => join(directory, 'services', service, name)
  return {
    path,
    async setService(service, { state, health = '', onUp = 'running', onStop = 'exited', exitCode = 0 }) {
      await mkdir(fileOf(service, '.'), { recursive: true })
      for (const [name, text] of Object.entries({ state, health, onUp, onStop, exitCode: String(exitCode) }))
        await writeFile(fileOf(service, name), `${text}\n`)
    },
    state: async (service) => (await readFile(fileOf(service, 'state'), 'utf8')).trim(),
    async calls() {
      const text = await readFile(join(directory, 'calls'), 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('\t').slice(0, -1))
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

const script = String.raw`#!/bin/sh
here=$(dirname "$0")
line=$(printf '%s\t' "$@")
printf '%s\n' "$line" >> "$here/calls"
[ "$1" = compose ] || { echo "docker: '$1' is not a docker command." >&2; exit 1; }
shift

verb='' service=''
while [ $# -gt 0 ]; do
  case "$1" in
    --file|--project-name|--format|--timeout) shift ;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$1; else service=$1; fi ;;
  esac
  shift
done
dir="$here/services/$service"
[ -d "$dir" ] || { echo "no such service: $service" >&2; exit 1; }
of() { cat "$dir/$1"; }
put() { printf '%s\n' "$2" > "$dir/$1"; }

case "$verb" in
  ps)
    [ "$(of state)" = none ] || printf '{"Name":"shop-%s-1","Service":"%s","State":"%s","Health":"%s","ExitCode":%s}\n' "$service" "$service" "$(of state)" "$(of health)" "$(of exitCode)" ;;
  up) put state "$(of onUp)" ;;
  stop) put state "$(of onStop)" ;;
  *) echo "unknown docker command: \"compose $verb\"" >&2; exit 1 ;;
esac
`
