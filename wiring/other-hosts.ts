/** After `--offline`: what a person types on the other hosts of this site, whose agents still ask the Temporal that is gone. */
import { hostname, networkInterfaces } from 'node:os'
import type { Config } from '../domain/config.ts'
import type { UpHere } from './up-here.ts'

/** Where the others find this machine; the first is printed, since which of them leads here nobody can know from here. */
export function addressesHere(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((ones) => ones ?? [])
  const outside = all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address)
  return outside.length > 0 ? outside : [hostname()]
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(listen: string): boolean {
  return listen === 'localhost' || listen === '::1' || listen.startsWith('127.')
}

/**
 * One paragraph for each thing to be done; none where the site has this host only.
 * @param addresses of this machine, where Temporal listens on more than one
 */
export function otherHostTexts(config: Config, up: UpHere, addresses: readonly string[]): readonly string[] {
  const { host, site, pid } = up
  const port = up.address.slice(up.address.lastIndexOf(':') + 1)
  const others = (config.sites[site]?.hosts ?? []).filter((one) => one !== host)
  if (others.length === 0) return []
  const listen = up.listen ?? up.address.slice(0, up.address.lastIndexOf(':'))
  const onlyHere = isLoopback(listen)
  const [address = '', ...more] = onlyHere || listen === '0.0.0.0' ? addresses : [listen]
  const names = others.join(', ')
  const unreachable = `this Temporal listens on ${listen} only: ${names} at site ${site} cannot reach it, and what stands there cannot be moved. End it (kill ${pid}) and give the same command with --listen 0.0.0.0, in a network where only your machines reach port ${port}: it asks nobody who they are`
  const lines = others.map((other) => `  on ${other}:  TEMPORAL_ADDRESS=${address}:${port} muster worker --host ${other} --site ${site}`)
  const besides = more.length === 0 ? '' : `; where ${address} does not lead here: ${more.join(' or ')}`
  const start = `${names} at site ${site} ${others.length === 1 ? 'works' : 'work'} for this Temporal only when told so: a worker that runs there asks the one that is gone. ${onlyHere ? 'Then end' : 'End'} it, and start it again with${besides}\n${lines.join('\n')}\nUntil it runs there, a plan with a step on that host ends in AgentAbsent; then give the command again`
  return onlyHere ? [unreachable, start] : [start]
}
