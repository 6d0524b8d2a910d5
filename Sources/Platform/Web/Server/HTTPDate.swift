import Base
import Synchronization

/// The value of the Date field (RFC 9110 §6.6.1), formatted once a second.
enum HTTPDate {
    private static let latest = Mutex((second: Int64.min, text: ""))
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func now() -> String {
        let now = Runtime.system.now()
        return latest.withLock { latest in
            if latest.second != now.seconds { latest = (now.seconds, text(now)) }
            return latest.text
        }
    }

    /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ time: Instant) -> String {
        let dayNumber = time.seconds.quotient(flooredBy: 86_400)
        let second = time.seconds - dayNumber * 86_400
        let date = CivilDate(dayNumber: dayNumber)
        let weekday = Int(CivilDate.weekday(dayNumber: dayNumber))
        let clock = "\(twoDigits(second / 3_600)):\(twoDigits(second / 60 % 60)):\(twoDigits(second % 60))"
        return "\(days[weekday]), \(twoDigits(date.day)) \(months[Int(date.month) - 1]) \(date.year) \(clock) GMT"
    }

    private static func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : String(value) }
}
