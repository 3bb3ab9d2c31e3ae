/**
 * Who uses a data directory. Where it is a mount point, Muster's work directory stands inside it, and a copy that
 * is restored there is another database.
 */
import { processesUsing } from '../../process/find-processes.ts'
import type { ProcessIdentity } from '../../process/process.ts'

/** Every process with the data directory or a file of it open; what happens in a work directory inside does not count. */
export function usersOfDataDirectory(directory: string): Promise<ProcessIdentity[]> {
  return processesUsing(directory, (below) => below.startsWith('pgsql_tmp.muster-'))
}
