import Foundation

/// The permissions of folders that a program of a user has written: a folder without them cannot be removed.
enum FolderPermissions {
    /// Folders within folders; each takes a descriptor.
    private static let depthMax = 256

    /// Lets the owner read and change a folder and all folders below it. Links are not followed.
    static func restore(_ path: String) { restore(AT_FDCWD, path, depth: 0) }

    private static func restore(_ parent: Int32, _ name: UnsafePointer<CChar>, depth: Int) {
        var status = stat()
        guard depth < depthMax, fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            status.st_mode & S_IFMT == S_IFDIR
        else { return }
        fchmodat(parent, name, 0o700, 0)
        let number = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return }
        guard let stream = fdopendir(number) else {
            close(number)
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    if strcmp($0, ".") != 0, strcmp($0, "..") != 0 { restore(number, $0, depth: depth + 1) }
                }
            }
        }
    }
}
