"""CodePipeline's errors, by its own names."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class PipelineNotFoundError(ServiceException):
    code = "PipelineNotFoundException"


class PipelineVersionNotFoundError(ServiceException):
    code = "PipelineVersionNotFoundException"


class PipelineExecutionNotFoundError(ServiceException):
    code = "PipelineExecutionNotFoundException"


class StageNotFoundError(ServiceException):
    code = "StageNotFoundException"


class ActionNotFoundError(ServiceException):
    code = "ActionNotFoundException"


class InvalidApprovalTokenError(ServiceException):
    code = "InvalidApprovalTokenException"


class ApprovalAlreadyCompletedError(ServiceException):
    code = "ApprovalAlreadyCompletedException"


class StageNotRetryableError(ServiceException):
    code = "StageNotRetryableException"


class NotLatestPipelineExecutionError(ServiceException):
    code = "NotLatestPipelineExecutionException"


class PipelineExecutionNotStoppableError(ServiceException):
    code = "PipelineExecutionNotStoppableException"


class DuplicatedStopRequestError(ServiceException):
    code = "DuplicatedStopRequestException"


class UnableToRollbackStageError(ServiceException):
    code = "UnableToRollbackStageException"


class PipelineExecutionOutdatedError(ServiceException):
    code = "PipelineExecutionOutdatedException"


class InvalidNextTokenError(ServiceException):
    code = "InvalidNextTokenException"


class InvalidStructureError(ServiceException):
    code = "InvalidStructureException"


class ValidationError(ServiceException):
    code = "ValidationException"
