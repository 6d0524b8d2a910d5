import Modules

/// How many sessions were ended.
struct Ended: Payload {
    var ended: Int
}
