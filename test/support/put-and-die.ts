/** A program that puts a file into a directory store and is killed once some bytes are there: FOLDER KEY FILE SIZE SHA256. */
import { directoryStore } from './store-labs.ts'

const [folder = '', key = '', path = '', sizeBytes = '', sha256 = ''] = process.argv.slice(2)

await directoryStore(folder).putFile(
  key,
  { path, sizeBytes: Number(sizeBytes), sha256 },
  {
    onProgress: () => process.kill(process.pid, 'SIGKILL'),
  },
)
