// Makes the passwords of docker-compose.yml, each once: what is there is kept. Prints names, never values.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('secrets/', import.meta.url))
const secret = () => randomBytes(24).toString('hex')
mkdirSync(folder, { recursive: true, mode: 0o700 })

function make(name, text) {
  const path = `${folder}${name}`
  if (!existsSync(path)) writeFileSync(path, `${text()}\n`, { flag: 'wx', mode: 0o600 })
  process.stdout.write(`${path}\n`)
  return readFileSync(path, 'utf8').trim()
}

make('temporal.env', () => {
  const password = secret()
  return ['POSTGRES_USER=temporal', `POSTGRES_PASSWORD=${password}`, `POSTGRES_PWD=${password}`, `SQL_PASSWORD=${password}`].join('\n')
})
make('shop-database-password', secret)
// The S3 server and Muster name the same key in their own ways.
const [id, key] = make('s3-credentials', () => `muster:${secret()}`).split(':')
make('s3.env', () => `ROOT_ACCESS_KEY_ID=${id}\nROOT_SECRET_ACCESS_KEY=${key}`)
