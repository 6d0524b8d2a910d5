import Modules

/// A page of devices.
struct Devices: Payload {
    var data: [Device]
    var total: Int64
    var limit: Int
    var offset: Int
}

/// How many sessions were ended.
struct Ended: Payload {
    var ended: Int
}
