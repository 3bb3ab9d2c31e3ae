/** `npm run bench -- NAME [--key value …]`: runs one bench by hand and prints its figures as JSON. */
import { measureOutage } from './orchestrator-outage.ts'

const [name = '', ...rest] = process.argv.slice(2)
const options = Object.fromEntries(rest.flatMap((word, index) => (word.startsWith('--') ? [[word.slice(2), Number(rest[index + 1])]] : [])))
const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  'orchestrator-outage': () =>
    measureOutage({
      outageSeconds: options['outage-seconds'] ?? 600,
      shipEverySeconds: options['ship-every-seconds'] ?? 30,
      steadySeconds: options['steady-seconds'] ?? 120,
    }),
}
const bench = benches[name]
if (!bench) {
  process.stderr.write(`there is no bench "${name}"; there are: ${Object.keys(benches).join(', ')}\n`)
  process.exitCode = 2
} else {
  process.stdout.write(`${JSON.stringify(await bench(), null, 2)}\n`)
}
