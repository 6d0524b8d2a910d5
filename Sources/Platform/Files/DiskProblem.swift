package import Base
import Foundation

extension Problem {
    /// `storage-full` for an error that says that the disk is full, whichever library wrote the file; any other error
    /// as it is.
    package static func ofDisk(_ error: any Error) -> any Error {
        isDiskFull(error as NSError) ? Problem(.storageFull, headers: ["Retry-After": "60"], cause: error) : error
    }

    private static func isDiskFull(_ error: NSError) -> Bool {
        switch error.domain {
        case NSPOSIXErrorDomain: [Int(ENOSPC), Int(EDQUOT)].contains(error.code)
        case NSCocoaErrorDomain where error.code == CocoaError.Code.fileWriteOutOfSpace.rawValue: true
        default: (error.userInfo[NSUnderlyingErrorKey] as? NSError).map(isDiskFull) ?? false
        }
    }
}
