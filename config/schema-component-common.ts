/** Where a component lives and where its copies go: the same for every kind. */
import { z } from 'zod'
import { nameText } from './schema-values.ts'

export const componentHost = nameText.optional().meta({
  description: 'The host it lives on. The only host; to be written where there are several.',
  examples: ['db1'],
})

export const componentStores = z
  .array(nameText)
  .min(1)
  .optional()
  .meta({
    description: 'Stores its copies go to. Every store its host reaches, unless configured.',
    examples: [['local', 'offsite']],
  })
