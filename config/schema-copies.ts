/** How many copies are required, as people write it. */
import { z } from 'zod'

export const copiesRequired = z.strictObject({
  total: z
    .int()
    .min(1)
    .max(20)
    .default(1)
    .meta({ description: 'Copies in all.', examples: [2] }),
  offHost: z
    .int()
    .min(0)
    .max(20)
    .default(0)
    .meta({ description: 'Of these, copies that survive the loss of the host.', examples: [1] }),
  offSite: z
    .int()
    .min(0)
    .max(20)
    .default(0)
    .meta({ description: 'Of these, copies that survive the loss of the site.', examples: [1] }),
})
