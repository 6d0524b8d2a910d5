import Modules

extension Problem.Kind {
    static let workflowNotFound = Self("workflow-not-found", "Workflow not found", status: 404)
    static let workflowAccessDenied = Self("workflow-access-denied", "Access denied", status: 403)
    static let workflowStateConflict = Self(
        "workflow-state-conflict", "The workflow is in another state", status: 409)
    static let workflowFileNotFound = Self("workflow-file-not-found", "File not found", status: 404)
}
