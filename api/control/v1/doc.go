// Package controlv1 is the job API: what people and pipelines say to the cluster.
package controlv1
