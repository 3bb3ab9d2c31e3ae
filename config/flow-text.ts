/** A value on one line of YAML, quoted where it must be: for examples in messages, pages and files. */
import { stringify } from 'yaml'

export function flowText(value: unknown): string {
  return stringify(value, {
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    lineWidth: 0,
    singleQuote: true,
  }).trimEnd()
}
