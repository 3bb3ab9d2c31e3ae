/** A DNS record that says where a system is, as people write it. */
import { z } from 'zod'
import { tsigAlgorithms } from '../domain/config.ts'
import { canonicalDnsName, canonicalDnsValue, dnsRecordTypes, isInZone } from '../domain/dns-values.ts'
import { MusterError } from '../domain/failures.ts'
import { commandWords, dnsName, dnsServer, lineText, nameText, positiveDuration, secretReference, userName, webAddress } from './schema-values.ts'

const nameServers = z
  .array(
    z.strictObject({
      server: dnsServer.meta({
        description: 'Its address, or its name; an address is found even when resolvers are down. With a port where that is not 53.',
        examples: ['192.0.2.53', 'ns1.kennel.example'],
      }),
      site: nameText
        .optional()
        .meta({ description: 'The site where it stands. At none of them, unless configured: it then always counts.', examples: ['primary'] }),
    }),
  )
  .default([])
  .meta({
    description: 'Every authoritative server of the zone; each is asked whether it has the new answer. Those that the zone itself names, unless configured.',
    examples: [[{ server: '192.0.2.53', site: 'primary' }, { server: '198.51.100.53' }]],
  })

const recordCommon = {
  name: dnsName.meta({ description: 'The name that users know.', examples: ['app.kennel.example.'] }),
  type: z
    .enum(dnsRecordTypes)
    .default('A')
    .meta({ description: 'Type of the record.', examples: ['AAAA'] }),
  zone: dnsName.optional().meta({ description: 'The zone it lies in. The name without its first part, unless configured.', examples: ['kennel.example.'] }),
  ttl: positiveDuration
    .default('60s')
    .meta({ description: 'How long the answer may be remembered; policy, watched and written with every change.', examples: ['30s'] }),
  values: z
    .record(nameText, z.array(z.string()).min(1))
    .refine((values) => Object.keys(values).length >= 2, { error: 'needs the values of two sites at least' })
    .meta({
      description: 'What the record holds while each site is active, by site. Several values only where the record has several.',
      examples: [{ primary: ['192.0.2.1'], dr: ['198.51.100.1'] }],
    }),
  nameServers,
  minimumObserved: z
    .int()
    .min(1)
    .max(20)
    .default(1)
    .meta({ description: 'How many servers outside the lost site must give the new answer, at least. All of them must in any case.', examples: [2] }),
}

const route53 = z
  .strictObject({
    provider: z.literal('route53').meta({ description: 'Amazon Route 53.' }),
    ...recordCommon,
    hostedZone: z
      .string()
      .regex(/^[A-Z0-9]{1,32}$/, { error: 'is not the id of a hosted zone, such as Z0123456789ABCDEFGHIJ' })
      .meta({ description: 'Id of the hosted zone.', examples: ['Z0123456789ABCDEFGHIJ'] }),
    credentials: secretReference.meta({
      description: 'Where the key is; its value has the form ACCESS_KEY_ID:SECRET_ACCESS_KEY. It needs rights on this record only.',
      examples: ['env:MUSTER_ROUTE53'],
    }),
    region: lineText.default('us-east-1').meta({ description: 'The region of the control plane.', examples: ['us-gov-west-1'] }),
    endpoint: webAddress.optional().meta({ description: 'Address of a server that is not AWS.', examples: ['https://route53.example.com'] }),
    setIdentifier: lineText.optional().meta({
      description: 'Which one is meant, where several records have this name and a routing policy chooses. Without it such a record is refused.',
      examples: ['main'],
    }),
    settleTimeout: positiveDuration.default('5m').meta({ description: 'How long a change may be PENDING before the run says so.', examples: ['2m'] }),
  })
  .meta({ title: 'route53' })

const rfc2136 = z
  .strictObject({
    provider: z.literal('rfc2136').meta({ description: 'Servers of your own that take signed updates (RFC 2136 with TSIG): BIND, Knot, PowerDNS.' }),
    ...recordCommon,
    servers: z
      .array(
        z.strictObject({
          server: dnsServer.meta({ description: 'Its address or name, with a port where that is not 53.', examples: ['198.51.100.53'] }),
          site: nameText.meta({ description: 'The site whose loss takes this server away.', examples: ['dr'] }),
        }),
      )
      .min(1)
      .meta({
        description: 'Servers that take updates, in the order in which they are tried. At least one must stand outside the site that may be lost.',
        examples: [[{ server: '198.51.100.53', site: 'dr' }]],
      }),
    key: z
      .strictObject({
        name: dnsName.meta({ description: 'Name of the TSIG key, as the server knows it.', examples: ['muster.'] }),
        algorithm: z
          .enum(tsigAlgorithms)
          .default('hmac-sha256')
          .meta({ description: 'Its algorithm.', examples: ['hmac-sha512'] }),
        secret: secretReference.meta({ description: 'Where its secret is, in base64.', examples: ['env:MUSTER_TSIG'] }),
      })
      .meta({ description: 'The TSIG key that signs updates.' }),
  })
  .meta({ title: 'rfc2136' })

const command = z
  .strictObject({
    provider: z.literal('command').meta({ description: 'Commands of yours, for any other provider.' }),
    ...recordCommon,
    read: commandWords.meta({
      description: 'Prints the record as lines of a zone file: NAME TTL IN TYPE VALUE.',
      examples: [['dig', '+noall', '+answer', '+norecurse', '@192.0.2.53', 'app.kennel.example']],
    }),
    change: commandWords.meta({
      description:
        'Changes it in one step. It is given MUSTER_DNS_NAME, MUSTER_DNS_TYPE, MUSTER_DNS_TTL, MUSTER_DNS_EXPECTED and MUSTER_DNS_WANTED, and ends with 10 when the record is not as expected.',
      examples: [['/usr/local/bin/change-dns']],
    }),
    timeout: positiveDuration.default('60s').meta({ description: 'How long each command may take.', examples: ['2m'] }),
    runAs: userName.optional().meta({ description: "Operating-system user that runs them. The agent's own, unless configured.", examples: ['dns'] }),
  })
  .meta({ title: 'command' })

const manual = z
  .strictObject({
    provider: z.literal('manual').meta({ description: 'A person changes it: the run says what to do, and observes that it was done.' }),
    ...recordCommon,
  })
  .meta({ title: 'manual' })

export const dnsRecord = z.discriminatedUnion('provider', [route53, rfc2136, command, manual]).superRefine((record, context) => {
  for (const [site, values] of Object.entries(record.values)) {
    if (record.type === 'CNAME' && values.length > 1) context.addIssue({ code: 'custom', path: ['values', site, 1], message: 'a CNAME has one value' })
    for (const [index, value] of values.entries()) {
      const problem = problemOf(() => canonicalDnsValue(record.type, value))
      if (problem !== null) context.addIssue({ code: 'custom', path: ['values', site, index], message: problem })
    }
  }
  const { name, zone } = record
  if (zone !== undefined && !isInZone(canonicalDnsName(name), canonicalDnsName(zone))) {
    context.addIssue({ code: 'custom', path: ['zone'], message: `${name} does not lie in it` })
  }
})

export const dnsRecords = z.array(dnsRecord).default([]).meta({ description: 'DNS records that say where the system is. None, unless configured.' })

export type WrittenDnsRecord = z.output<typeof dnsRecord>

function problemOf(check: () => void): string | null {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof MusterError) return error.message
    throw error
  }
}
