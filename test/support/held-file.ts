/** A file that nobody else can open: whoever tries waits in the kernel, as on a mount whose server is gone. For 45 s, or until it is let go. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A lease of the kernel (fcntl F_SETLEASE, 1024), which only the file's owner gets. */
const holder = `
use Fcntl;
$SIG{IO} = 'IGNORE';
open(my $file, '+<', $ARGV[0]) or die "$ARGV[0]: $!";
fcntl($file, 1024, F_WRLCK) or die "no lease of $ARGV[0]: $!";
$| = 1;
print "held\\n";
<STDIN>;
`

export async function holdFile(path: string): Promise<{ letGo(): Promise<void> }> {
  const perl = spawn('perl', ['-e', holder, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(perl, 'exit')
  await Promise.race([once(perl.stdout, 'data'), ended.then(() => Promise.reject(new Error(`${path} cannot be held: is perl there?`)))])
  return {
    async letGo() {
      perl.stdin.end()
      await ended
    },
  }
}
