/** `components` of a system as people write them. */
import { z } from 'zod'
import { filesComponent } from './schema-files.ts'
import { postgresqlComponent } from './schema-postgresql.ts'
import { nameText } from './schema-values.ts'

/** Most components of one system: keeps a backup's history within what one run can hold. */
const mostComponents = 50

export const componentsSchema = z
  .record(nameText, z.discriminatedUnion('type', [postgresqlComponent, filesComponent]))
  .superRefine((components, context) => {
    const count = Object.keys(components).length
    if (count === 0) context.addIssue({ code: 'custom', message: 'needs at least one component' })
    if (count > mostComponents)
      context.addIssue({
        code: 'custom',
        message: `has ${count} components, and a system has at most ${mostComponents}; make two systems`,
      })
  })
  .meta({ description: 'The protected parts, by name.' })
