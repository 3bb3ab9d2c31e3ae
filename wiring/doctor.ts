import type { DoctorFinding } from '../clients/cli/desk.ts'
import type { Places } from './places.ts'

export async function examine(_places: Places, _options: { readonly system: string | null }): Promise<readonly DoctorFinding[]> {
  return []
}
