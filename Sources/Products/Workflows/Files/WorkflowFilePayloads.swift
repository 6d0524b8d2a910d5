import Modules

struct WorkflowFileView: Payload {
    let path: String
    let bytes: Int64
    let sha256: String
    let createdAt: Instant

    init(_ file: WorkflowFile) {
        path = file.path.text
        bytes = file.bytes
        sha256 = file.sha256
        createdAt = file.createdAt
    }
}

struct WorkflowFileList: Payload {
    let workflowId: ID<Workflow>
    let files: [WorkflowFileView]
}
