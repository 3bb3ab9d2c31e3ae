/** `stores` and `encryption` as people write them. */
import { z } from 'zod'
import { absolutePath, ageRecipient, lineText, nameText, secretReference, webAddress, yesOrNo } from './schema-values.ts'

const hosts = z
  .array(nameText)
  .min(1)
  .optional()
  .meta({
    description: 'Hosts whose agents reach this store. All hosts for s3; the only host for a directory, to be written where there are several.',
    examples: [['db1', 'app1']],
  })

const site = nameText.optional().meta({
  description: 'The site where the store stands; decides what counts as off-site. The only site, or for a directory the site of its hosts.',
  examples: ['dr'],
})

const directoryStore = z
  .strictObject({
    type: z.literal('directory').meta({ description: 'A directory: a local disk, or a NAS that is mounted.' }),
    path: absolutePath.meta({
      description: 'The directory. It must not lie inside anything protected.',
      examples: ['/var/lib/muster/store'],
    }),
    hosts,
    site,
    mountRequired: yesOrNo.default(false).meta({
      description:
        'Nothing is written unless the path is on a mount of its own that carries the mark of this store. For every NAS. Such a store counts as off-host.',
      examples: [true],
    }),
    host: nameText.optional().meta({
      description: 'The host whose disk this is, where it is not one of the hosts that reach it. Such a store counts as off-host for the others.',
      examples: ['nas1'],
    }),
  })
  .meta({ title: 'directory' })

const bucket = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
    error: 'is not the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens',
  })
  .meta({ description: 'The bucket; it must exist.', examples: ['shop-dr'] })

const keyPrefix = z.string().regex(/^\/*(?:[A-Za-z0-9_-][A-Za-z0-9._=-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._=-]*)*)?\/*$/, {
  error: 'is not a prefix of keys, such as prod or backups/prod',
})

const s3Store = z
  .strictObject({
    type: z.literal('s3').meta({ description: 'A bucket of an S3 server.' }),
    bucket,
    region: lineText.optional().meta({
      description: 'The region. To be written for AWS; us-east-1 where an endpoint is given.',
      examples: ['eu-west-1'],
    }),
    prefix: keyPrefix.default('').meta({ description: 'What all keys in the bucket begin with.', examples: ['prod'] }),
    endpoint: webAddress.optional().meta({
      description: 'Address of an S3 server that is not AWS. This file holds no secrets: no user or password in it.',
      examples: ['https://s3.example.com'],
    }),
    forcePathStyle: yesOrNo.optional().meta({
      description: 'The bucket in the path of the address instead of its host name. Yes where an endpoint is given, else no.',
      examples: [true],
    }),
    hosts,
    site,
    credentials: z
      .strictObject({
        write: secretReference.meta({
          description: 'Where the key for writing is; its value has the form ACCESS_KEY_ID:SECRET_ACCESS_KEY.',
          examples: ['env:MUSTER_S3_WRITE', 'file:/etc/muster/s3-write'],
        }),
        read: secretReference.optional().meta({
          description: 'Where the key for reading is. The one for writing unless configured.',
          examples: ['env:MUSTER_S3_READ'],
        }),
      })
      .meta({ description: 'References to the keys of the S3 server.' }),
  })
  .superRefine((store, context) => {
    if (store.region !== undefined || store.endpoint !== undefined) return
    context.addIssue({
      code: 'custom',
      path: ['region'],
      message: 'missing: say in which region the bucket is, such as eu-west-1',
    })
  })
  .meta({ title: 's3' })

export const storesSchema = z
  .record(nameText, z.discriminatedUnion('type', [directoryStore, s3Store]))
  .refine((stores) => Object.keys(stores).length > 0, { error: 'needs at least one store' })
  .meta({ description: 'The places where copies are kept, by name.' })

export const recoveryKitSchema = z
  .strictObject({
    recipients: z
      .array(ageRecipient)
      .min(1)
      .optional()
      .meta({
        description: 'Public keys to which recovery kits are encrypted. Those of encryption, unless configured.',
        examples: [['age1…']],
      }),
    sites: z
      .array(nameText)
      .optional()
      .meta({
        description: 'Sites that get a recovery kit, besides those that systems fail over to.',
        examples: [['primary']],
      }),
    secrets: z
      .array(secretReference)
      .optional()
      .meta({
        description:
          'Further secrets that belong into each kit: what commands and services of yours need, or the control key, so that the other site can apply.',
        examples: [['file:/etc/shop/licence.key', 'file:/root/.config/muster/control_ed25519']],
      }),
  })
  .meta({ description: 'What muster apply puts into every store for the hosts of another site, encrypted: keys and secrets.' })

export const encryptionSchema = z
  .strictObject({
    type: z.literal('age').default('age').meta({ description: 'The tool that encrypts.' }),
    recipients: z
      .array(ageRecipient)
      .min(1)
      .optional()
      .meta({
        description:
          "Public keys to which everything is encrypted before it leaves the host: the restore hosts' and an escrow key that is kept elsewhere. " +
          'Those in ~/.config/muster/recipients.txt, which muster init wrote, unless configured.',
        examples: [['age1…', 'age1…']],
      }),
    restoreHosts: z
      .array(nameText)
      .min(1)
      .optional()
      .meta({
        description: 'Hosts that hold the private identity, so that a restore can run there. The only host; to be written where there are several.',
        examples: [['db1', 'dr1']],
      }),
    identity: secretReference.optional().meta({
      description:
        'Where the private identity lies on the restore hosts. file:~/.config/muster/identity.txt with the home directory written out, unless configured.',
      examples: ['file:/etc/muster/identity.txt'],
    }),
  })
  .meta({ description: 'Encryption to public keys.' })
