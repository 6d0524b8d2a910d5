import Glibc

/// What bubblewrap is asked for, and the script that waits for the command.
enum SandboxOptions {
    /// The descriptors of bubblewrap after the standard ones, in this order.
    enum Descriptor: Int32, CaseIterable {
        case control = 3
        case information
        case options
        case script
        case filter
        case users
        case groups
    }

    /// Bytes in `/tmp`; memory.
    static let temporaryBytesMax = 64 << 20

    /// What the script writes once it runs, and reads before it starts the command.
    static let ready = "ready"
    static let begin = "begin"

    static let users = "sandbox:x:\(insideID):\(insideID):Sandbox:\(SandboxedCommand.workspace):/bin/sh\n"
    static let groups = "sandbox:x:\(insideID):\n"

    /// The user and the group inside.
    private static let insideID = 65_534

    /// - Parameter folder: what is bound as the working folder.
    static func options(folder: String) -> [String] {
        words(separation) + programs() + words(files)
            + ["--bind", folder, SandboxedCommand.workspace, "--chdir", SandboxedCommand.workspace]
            + ["--remount-ro", "/"]
    }

    private static let separation = """
        --unshare-user --disable-userns --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try
        --uid \(insideID) --gid \(insideID) --hostname sandbox --cap-drop ALL --new-session --die-with-parent
        --as-pid-1 --seccomp \(at(.filter)) --info-fd \(at(.information))
        """

    /// Of `/etc`, where libraries are and which program has which name. Of `/dev`, what is no device of the machine:
    /// bubblewrap's own `--dev` has terminals, and can be written to.
    private static let files = """
        --perms 0755 --dir /etc
        --perms 0644 --file \(at(.users)) /etc/passwd
        --perms 0644 --file \(at(.groups)) /etc/group
        --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache
        --ro-bind-try /etc/alternatives /etc/alternatives
        --proc /proc
        --perms 0755 --tmpfs /dev
        --dev-bind /dev/null /dev/null
        --dev-bind /dev/zero /dev/zero
        --dev-bind /dev/full /dev/full
        --dev-bind /dev/random /dev/random
        --dev-bind /dev/urandom /dev/urandom
        --symlink /proc/self/fd /dev/fd
        --symlink /proc/self/fd/0 /dev/stdin
        --symlink /proc/self/fd/1 /dev/stdout
        --symlink /proc/self/fd/2 /dev/stderr
        --symlink /tmp /dev/shm
        --remount-ro /dev
        --perms 1777 --size \(temporaryBytesMax) --tmpfs /tmp
        """

    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// `/usr`, and the folders beside it, which on most systems are links into it.
    private static func programs() -> [String] {
        ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].flatMap { path -> [String] in
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            let length = readlink(path, &target, target.count)
            guard length >= 0 else { return ["--ro-bind-try", path, path] }
            return [
                "--symlink", String(decoding: target.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self), path,
            ]
        }
    }

    /// Of bubblewrap: where its options are, as the arguments of a process are visible to all accounts, and what it
    /// starts: the limits of the kernel, for all that follows, and the script.
    static func arguments(_ limits: CommandLimits) -> [String] {
        // The shell counts too.
        let processes = limits.processes + 1
        let seconds = limits.processorTime.components.seconds + 2
        return [
            "--args", at(.options), "--",
            "/usr/bin/prlimit", "--core=0", "--msgqueue=0", "--memlock=0", "--rtprio=0", "--data=\(limits.memory)",
            "--nproc=\(processes)", "--cpu=\(seconds)", "--fsize=\(limits.fileSize)", "--nofile=\(limits.openFiles)",
            "--", "/bin/sh", "/proc/self/fd/\(at(.script))",
        ]
    }

    /// The shell is the first process of the namespace: it waits for processes whose parents have ended, and all end
    /// with it. The environment is that of the command alone, which could name libraries to load.
    static func script(_ command: SandboxedCommand) -> String {
        let environment = SandboxedCommand.defaultEnvironment.merging(command.environment) { _, own in own }
        let words = environment.map { "\($0.key)=\($0.value)" }.sorted() + command.arguments
        return """
            echo \(ready) >&\(at(.control))
            # The end of the server, before it writes, ends this as well.
            read -r line <&\(at(.control)) || exit 125
            # The kernel ends these processes first when memory is short.
            { echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
            (exec /usr/bin/env -i -- \(words.map(quoted).joined(separator: " ")) \
            \(at(.control))>&- \(at(.script))<&-)
            exit
            """
    }

    /// A word of the shell.
    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }

    private static func at(_ descriptor: Descriptor) -> String { "\(descriptor.rawValue)" }
}
