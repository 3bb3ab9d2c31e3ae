import { commandLab, knotLab, manualLab, motoLab, route53Lab } from '../support/dns-labs.ts'
import { dnsRaceSuite, dnsSuite } from './dns-suite.ts'

dnsSuite('at a server that takes signed updates', knotLab)
dnsSuite('in the emulator of Route 53', motoLab)
dnsSuite('in a strict Route 53', route53Lab)
dnsSuite('changed by a command', commandLab)
dnsSuite('changed by a person', manualLab)

dnsRaceSuite('at a server that takes signed updates', knotLab)
dnsRaceSuite('in a strict Route 53', route53Lab)
dnsRaceSuite('changed by a command', commandLab)
